-- How far the guided set-up is, for every browser and operator of this machine.
CREATE TABLE core.setup_step (
    step       text PRIMARY KEY,
    state      text NOT NULL CHECK (state IN ('done', 'skipped')),
    decided_at timestamptz NOT NULL DEFAULT now(),
    decided_by text NOT NULL
);
-- A machine that has an operator was set up before there was a guide.
INSERT INTO core.setup_step (step, state, decided_by)
    SELECT step, 'skipped', 'the appliance'
    FROM unnest(ARRAY['start', 'names', 'tls', 'operators', 'models', 'backups', 'check']) AS step
    WHERE EXISTS (SELECT FROM core.account WHERE role = 'operator');

-- Checks of the set-up, each written before its test document is added, so that one which ended in
-- the middle is found. The document is the account's, and has this digest.
CREATE TABLE core.setup_check (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES core.account ON DELETE CASCADE,
    digest     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    result     jsonb
);
CREATE INDEX setup_check_account ON core.setup_check (account_id);
CREATE INDEX setup_check_newest ON core.setup_check (started_at DESC);
