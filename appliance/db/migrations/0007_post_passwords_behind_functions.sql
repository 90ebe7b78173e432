-- The chat role loses sight of passwords and sessions: a chat server of the previous version could
-- recognise no person any more.
-- A stored password was Argon2's own text, with the derived key at its end. Of the key only the
-- digest and the number of bytes are kept from now on, so passwords stay as they are. The number
-- differs: the argon2-cffi of Debian 13 makes keys of 16 bytes, a newer one makes 32.
ALTER TABLE core.account
    ADD COLUMN password_parameters text,
    ADD COLUMN password_digest bytea;
UPDATE core.account SET
    password_parameters = regexp_replace(password_hash, '[^$]*$', '')
        || length(substring(password_hash FROM '[^$]*$')) * 3 / 4,
    password_digest = sha256(decode(rpad(
        substring(password_hash FROM '[^$]*$'),
        (length(substring(password_hash FROM '[^$]*$')) + 3) / 4 * 4, '='), 'base64'))
    WHERE password_hash LIKE '$argon2id$%';
REVOKE UPDATE (password_hash) ON core.account FROM cloister_chat;
ALTER TABLE core.account
    DROP COLUMN password_hash,
    ADD CONSTRAINT account_password_is_whole
        CHECK ((password_parameters IS NULL) = (password_digest IS NULL));

-- Attempts to prove a password, counted for all processes together. A name is kept as one of 65,536
-- buckets, because people type passwords into the wrong field. A known browser has a device.
CREATE TABLE core.login_attempt (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bucket     bytea NOT NULL,
    network    text NOT NULL CHECK (length(network) <= 64),
    device     bytea,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_checked boolean NOT NULL DEFAULT false
);
CREATE INDEX login_attempt_bucket ON core.login_attempt (bucket, started_at);
CREATE INDEX login_attempt_network ON core.login_attempt (network, started_at);
CREATE INDEX login_attempt_started ON core.login_attempt (started_at);

-- Browsers in which a person proved the password: guesses of strangers do not delay them.
CREATE TABLE core.device (
    digest     bytea NOT NULL,
    account_id uuid NOT NULL REFERENCES core.account ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (digest, account_id)
);
CREATE INDEX device_account ON core.device (account_id, expires_at DESC);

-- Passwords and sessions. Only cloister_accounts, which has no login, reads and writes them;
-- the chat role proves what it wants to a function. What is stored of a password is the digest of
-- the key that Argon2id derives from it, so that a copy of the table proves nothing.
CREATE FUNCTION core.login_bucket(typed_name text) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(sha256(convert_to(typed_name, 'UTF8')), 1, 2)
$$;

-- A few attempts are free; then each doubles the wait, up to five minutes.
CREATE FUNCTION core.login_wait(attempts bigint, latest timestamptz, free integer)
    RETURNS double precision
    LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN attempts < free THEN 0 ELSE greatest(0,
        least(power(2, least(attempts - free + 1, 10)), 300)
        - extract(epoch FROM clock_timestamp() - latest)) END
$$;

-- Counts an attempt before its outcome is known, so that many at once are not more than one after
-- the other; `seconds` above 0 says how long to wait instead. The time is the server's own.
CREATE FUNCTION core.begin_attempt(
    typed_name text, client text, browser bytea,
    OUT attempt uuid, OUT seconds double precision, OUT parameters text, OUT is_known boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    same_name bytea := core.login_bucket(typed_name);
    since timestamptz := clock_timestamp() - interval '1 hour';
    known bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('core.login_attempt', 0));
    SELECT d.digest INTO known FROM core.device d JOIN core.account a ON a.id = d.account_id
    WHERE d.digest = browser AND a.name = typed_name AND d.expires_at > clock_timestamp();
    is_known := known IS NOT NULL;
    IF is_known THEN
        SELECT core.login_wait(count(*), max(t.started_at), 5) INTO seconds
        FROM core.login_attempt t
        WHERE t.bucket = same_name AND t.device = known AND t.started_at > since;
    ELSE
        -- By name and network; by name alone, over all networks; by the names of one network.
        SELECT greatest(
            (SELECT core.login_wait(count(*), max(t.started_at), 5) FROM core.login_attempt t
             WHERE t.bucket = same_name AND t.network = client AND t.device IS NULL
               AND t.started_at > since),
            (SELECT core.login_wait(count(*), max(t.started_at), 50) FROM core.login_attempt t
             WHERE t.bucket = same_name AND t.device IS NULL AND t.started_at > since),
            (SELECT core.login_wait(count(*), max(names.first_at), 50) FROM (
                 SELECT min(t.started_at) AS first_at FROM core.login_attempt t
                 WHERE t.network = client AND t.device IS NULL AND t.started_at > since
                 GROUP BY t.bucket) AS names))
        INTO seconds;
    END IF;
    IF seconds > 0 THEN
        RETURN;
    END IF;
    -- The table stays small, also while strangers send one name after the other.
    DELETE FROM core.login_attempt t WHERE t.started_at <= since;
    DELETE FROM core.login_attempt t WHERE t.id IN (
        SELECT o.id FROM core.login_attempt o ORDER BY o.started_at DESC OFFSET 19999);
    INSERT INTO core.login_attempt (bucket, network, device) VALUES (same_name, client, known)
        RETURNING id INTO attempt;
    SELECT a.password_parameters INTO parameters FROM core.account a WHERE a.name = typed_name;
END $$;

-- An attempt whose key was never compared says nothing about the password.
CREATE FUNCTION core.withdraw_attempt(attempt uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM core.login_attempt t WHERE t.id = attempt AND NOT t.is_checked
$$;

-- Compares one key for each attempt that was begun. The row's lock waits for a change of the
-- password that is not committed yet. Only the right password learns that the account is locked.
CREATE FUNCTION core.prove_password(
    attempt uuid, typed_name text, key bytea, OUT account uuid, OUT outcome text)
    LANGUAGE plpgsql AS $$
DECLARE
    tried core.login_attempt;
    locked boolean;
BEGIN
    outcome := 'wrong';
    UPDATE core.login_attempt t SET is_checked = true
        WHERE t.id = attempt AND NOT t.is_checked AND t.bucket = core.login_bucket(typed_name)
        RETURNING * INTO tried;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT a.id, a.locked_at IS NOT NULL INTO account, locked FROM core.account a
        WHERE a.name = typed_name AND a.password_digest = sha256(key) FOR SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    outcome := CASE WHEN locked THEN 'locked' ELSE 'right' END;
    DELETE FROM core.login_attempt t WHERE t.id = attempt OR (
        NOT locked AND t.bucket = tried.bucket AND t.network = tried.network
        AND t.device IS NOT DISTINCT FROM tried.device);
END $$;

-- The browser is known from now on; the twenty newest of a person are kept.
CREATE FUNCTION core.open_session(
    holder uuid, session bytea, browser bytea, opened_at timestamptz, until timestamptz)
    RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.session (digest, account_id, seen_at, expires_at)
        VALUES (session, holder, opened_at, until);
    IF browser IS NOT NULL THEN
        INSERT INTO core.device AS d (digest, account_id, expires_at)
            VALUES (browser, holder, clock_timestamp() + interval '1 year')
            ON CONFLICT (digest, account_id) DO UPDATE SET expires_at = excluded.expires_at;
        DELETE FROM core.device d WHERE d.account_id = holder AND d.digest IN (
            SELECT o.digest FROM core.device o WHERE o.account_id = holder
            ORDER BY o.expires_at DESC OFFSET 20);
    END IF;
END $$;

CREATE FUNCTION core.sign_in(
    attempt uuid, typed_name text, key bytea, session bytea, browser bytea,
    opened_at timestamptz, until timestamptz) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    proved record;
BEGIN
    SELECT * INTO proved FROM core.prove_password(attempt, typed_name, key);
    IF proved.outcome = 'right' THEN
        PERFORM core.open_session(proved.account, session, browser, opened_at, until);
    END IF;
    RETURN proved.outcome;
END $$;

-- All sessions of the person end.
CREATE FUNCTION core.change_password(
    attempt uuid, typed_name text, old_key bytea, parameters text, new_key bytea) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    proved record;
BEGIN
    SELECT * INTO proved FROM core.prove_password(attempt, typed_name, old_key);
    IF proved.outcome = 'right' THEN
        UPDATE core.account a
            SET password_parameters = parameters, password_digest = sha256(new_key)
            WHERE a.id = proved.account;
        DELETE FROM core.session s WHERE s.account_id = proved.account;
    END IF;
    RETURN proved.outcome;
END $$;

-- Whom a code would let set a password; NULL for a code that does not work.
CREATE FUNCTION core.invited(code bytea, asked_at timestamptz) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.account_id FROM core.invitation i JOIN core.account a ON a.id = i.account_id
    WHERE i.digest = code AND i.purpose = 'password' AND i.expires_at > asked_at
      AND a.locked_at IS NULL
$$;

-- Deleting the code is using it: of two people with one code, one gets a row.
CREATE FUNCTION core.accept_invitation(
    code bytea, parameters text, key bytea, session bytea, browser bytea,
    opened_at timestamptz, until timestamptz) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder uuid;
BEGIN
    DELETE FROM core.invitation i USING core.account a
        WHERE i.digest = code AND i.purpose = 'password' AND i.expires_at > opened_at
          AND a.id = i.account_id AND a.locked_at IS NULL
        RETURNING a.id INTO holder;
    IF holder IS NOT NULL THEN
        UPDATE core.account a
            SET password_parameters = parameters, password_digest = sha256(key)
            WHERE a.id = holder;
        DELETE FROM core.session s WHERE s.account_id = holder;
        PERFORM core.open_session(holder, session, browser, opened_at, until);
    END IF;
    RETURN holder;
END $$;

CREATE FUNCTION core.session_holder(session bytea, asked_at timestamptz) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.account_id FROM core.session s WHERE s.digest = session AND s.expires_at > asked_at
$$;

-- At most once in a while, so that reading a page is not a write.
CREATE FUNCTION core.extend_session(
    session bytea, seen timestamptz, stale timestamptz, until timestamptz) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE core.session s SET seen_at = seen, expires_at = until
    WHERE s.digest = session AND s.seen_at < stale AND s.expires_at > seen
$$;

CREATE FUNCTION core.end_session(session bytea) RETURNS uuid
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM core.session s WHERE s.digest = session RETURNING s.account_id
$$;

REVOKE SELECT ON core.account FROM cloister_chat;
GRANT SELECT (id, name, display_name, role, created_at, locked_at) ON core.account TO cloister_chat;
REVOKE ALL ON core.session, core.invitation FROM cloister_chat;
GRANT USAGE ON SCHEMA core TO cloister_accounts;
GRANT SELECT ON core.account TO cloister_accounts;
GRANT UPDATE (password_parameters, password_digest) ON core.account TO cloister_accounts;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.session, core.login_attempt, core.device
    TO cloister_accounts;
GRANT SELECT, DELETE ON core.invitation TO cloister_accounts;
ALTER FUNCTION core.begin_attempt OWNER TO cloister_accounts;
ALTER FUNCTION core.withdraw_attempt OWNER TO cloister_accounts;
ALTER FUNCTION core.sign_in OWNER TO cloister_accounts;
ALTER FUNCTION core.change_password OWNER TO cloister_accounts;
ALTER FUNCTION core.invited OWNER TO cloister_accounts;
ALTER FUNCTION core.accept_invitation OWNER TO cloister_accounts;
ALTER FUNCTION core.session_holder OWNER TO cloister_accounts;
ALTER FUNCTION core.extend_session OWNER TO cloister_accounts;
ALTER FUNCTION core.end_session OWNER TO cloister_accounts;
REVOKE ALL ON FUNCTION core.begin_attempt, core.withdraw_attempt, core.prove_password,
    core.open_session, core.sign_in, core.change_password, core.invited, core.accept_invitation,
    core.session_holder, core.extend_session, core.end_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.prove_password, core.open_session TO cloister_accounts;
GRANT EXECUTE ON FUNCTION core.begin_attempt, core.withdraw_attempt, core.sign_in,
    core.change_password, core.invited, core.accept_invitation, core.session_holder,
    core.extend_session, core.end_session TO cloister_chat;
