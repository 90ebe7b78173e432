-- A job is queued, runs and ends; it has progress, can be cancelled, and holds a lock by name.
-- An ingest process of the previous version cannot begin a job any more: it tries again until it is
-- replaced, seconds later.
ALTER TABLE core.job
    DROP CONSTRAINT job_state_check,
    ADD CONSTRAINT job_state_check CHECK (state IN
        ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    ALTER COLUMN started_at DROP NOT NULL,
    ALTER COLUMN started_at DROP DEFAULT,
    ALTER COLUMN heartbeat_at DROP NOT NULL,
    ALTER COLUMN heartbeat_at DROP DEFAULT,
    ALTER COLUMN deadline_at DROP NOT NULL,
    ADD COLUMN lock text,
    ADD COLUMN subject text NOT NULL DEFAULT '',
    ADD COLUMN requested_by text NOT NULL DEFAULT '',
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN cancel_asked_at timestamptz,
    ADD COLUMN progress text NOT NULL DEFAULT '',
    ADD COLUMN done bigint,
    ADD COLUMN total bigint;
UPDATE core.job SET lock = kind, created_at = started_at;
ALTER TABLE core.job ALTER COLUMN lock SET NOT NULL;
DROP INDEX core.job_runs_once;
DROP INDEX core.job_started;
CREATE UNIQUE INDEX job_lock ON core.job (lock) WHERE state IN ('queued', 'running');
CREATE INDEX job_newest ON core.job (kind, created_at DESC);

-- What an operator sets, for the chat servers that use it: they may not read other settings.
CREATE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting WHERE name IN ('upload_limit', 'context_tokens');
GRANT SELECT ON core.operator_setting TO cloister_chat;
