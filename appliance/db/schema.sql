-- The whole schema as it is now, to be read. The migrations lead here; a test proves that they do.
-- Three schemas by who owns the meaning: core (people, keys, jobs), library (documents and what is
-- searched), chat (conversations). One database role a process; the privileges of each are at the end.

CREATE SCHEMA core;
CREATE SCHEMA library;
CREATE SCHEMA chat;

-- core ------------------------------------------------------------------------------------------

CREATE TABLE core.account (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name          text NOT NULL CHECK (name = lower(name) AND length(name) BETWEEN 1 AND 64),
    display_name  text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role          text NOT NULL CHECK (role IN ('operator', 'member')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    locked_at     timestamptz,
    -- Argon2id's parameters with the salt, and the digest of the key that it derives; both NULL
    -- until an invited person sets a password.
    password_parameters text,
    password_digest     bytea,
    CONSTRAINT account_name_is_taken UNIQUE (name),
    CONSTRAINT account_password_is_whole
        CHECK ((password_parameters IS NULL) = (password_digest IS NULL))
);

-- Only digests of tokens are kept: a copy of the database opens no session.
CREATE TABLE core.session (
    digest     bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES core.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_account ON core.session (account_id);

-- A link that works once: to claim the machine, or to set a password.
CREATE TABLE core.invitation (
    digest     bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('claim', 'password')),
    account_id uuid REFERENCES core.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CHECK ((purpose = 'password') = (account_id IS NOT NULL))
);

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

CREATE TABLE core.api_key (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES core.account ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    prefix     text NOT NULL,
    digest     bytea NOT NULL UNIQUE,
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['documents', 'search', 'chat']),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX api_key_account ON core.api_key (account_id);

-- Each says who changed it last, and when. A reset keeps the row with a JSON null.
CREATE TABLE core.setting (
    name       text PRIMARY KEY,
    value      jsonb NOT NULL,
    changed_by text,
    changed_at timestamptz
);

CREATE TABLE core.job (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind         text NOT NULL,
    state        text NOT NULL CHECK (state IN
                 ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    started_at   timestamptz,
    heartbeat_at timestamptz,
    deadline_at  timestamptz,
    finished_at  timestamptz,
    log          text NOT NULL DEFAULT '',
    result       text,
    lock         text NOT NULL,
    subject      text NOT NULL DEFAULT '',
    requested_by text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    cancel_asked_at timestamptz,
    -- How far it is: a sentence, and how many of how many parts where that is known.
    progress     text NOT NULL DEFAULT '',
    done         bigint,
    total        bigint
);
-- At most one job holds a lock.
CREATE UNIQUE INDEX job_lock ON core.job (lock) WHERE state IN ('queued', 'running');
CREATE INDEX job_newest ON core.job (kind, created_at DESC);

CREATE TABLE core.audit (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text NOT NULL,
    action text NOT NULL,
    object text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    object_type text NOT NULL DEFAULT '',
    object_id   text NOT NULL DEFAULT '',
    -- An entry that was noted while the database was down has its own time, and the number of its
    -- note, so that it is added once.
    happened_at timestamptz,
    note_id     uuid UNIQUE
);
COMMENT ON COLUMN core.audit.object IS 'what people call the object, or its id';
COMMENT ON COLUMN core.audit.at IS 'when the entry was added';
COMMENT ON COLUMN core.audit.happened_at IS 'when it happened, if the database was down then';
CREATE INDEX audit_actor ON core.audit (actor, id DESC);
CREATE INDEX audit_object ON core.audit (object_type, object_id, id DESC);

-- The audit is a chain: each entry has a link with the SHA-256 of the link before and of the entry
-- itself.
CREATE TABLE core.audit_link (
    position bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE,
    hash     bytea NOT NULL
);
-- What the first link continues: nothing, or the last link that was removed for its age. Its one row
-- is also the lock of the end of the chain.
CREATE TABLE core.audit_start (
    is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    position bigint NOT NULL,
    hash     bytea NOT NULL
);
INSERT INTO core.audit_start (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- Each field with its length, so that no two entries are written alike.
-- appliance/audit/chain.py computes the same.
CREATE FUNCTION core.audit_hash(previous bytea, entry core.audit) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(previous || convert_to(
        string_agg(octet_length(field) || ':' || field, '' ORDER BY place), 'UTF8'))
    FROM unnest(ARRAY[
        entry.id::text,
        round(extract(epoch FROM entry.at) * 1000000)::text,
        entry.actor, entry.action, entry.object_type, entry.object_id, entry.object,
        entry.detail::text,
        coalesce(round(extract(epoch FROM entry.happened_at) * 1000000)::text, ''),
        coalesce(entry.note_id::text, '')]) WITH ORDINALITY AS fields (field, place)
$$;

-- Runs when a transaction commits: by then it waits for no other lock, so that no two wait for each
-- other, and others wait for its commit and not for its work.
CREATE FUNCTION core.link_audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest record;
BEGIN
    SELECT s.position, s.hash INTO STRICT latest FROM core.audit_start s FOR UPDATE;
    -- A statement of its own sees what the transaction before has committed.
    SELECT coalesce(l.position, s.position) AS position, coalesce(l.hash, s.hash) AS hash
    INTO STRICT latest
    FROM core.audit_start s LEFT JOIN core.audit_link l
        ON l.position = (SELECT max(m.position) FROM core.audit_link m);
    INSERT INTO core.audit_link
    VALUES (latest.position + 1, NEW.id, core.audit_hash(latest.hash, NEW));
    PERFORM pg_notify('core_audit', '');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_linked AFTER INSERT ON core.audit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION core.link_audit();

-- Removes the oldest entries, as long as they are older than `age` and not more than `most`. Where
-- the chain begins then is in an entry of its own. Returns how many were removed.
CREATE FUNCTION core.prune_audit(age interval, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    link record;
    last_position bigint;
    last_hash bytea;
    removed bigint;
BEGIN
    IF age < interval '30 days' THEN
        RAISE EXCEPTION 'entries of the audit are kept for 30 days at least';
    END IF;
    -- One removal at a time; transactions that add entries do not wait for it.
    LOCK TABLE core.audit_link IN SHARE UPDATE EXCLUSIVE MODE;
    FOR link IN
        SELECT l.position, l.hash, a.at
        FROM core.audit_link l LEFT JOIN core.audit a ON a.id = l.entry_id
        ORDER BY l.position LIMIT most
    LOOP
        EXIT WHEN link.at >= now() - age;
        -- What lacks its entry has no age; it goes with an older one after it.
        IF link.at IS NOT NULL THEN
            last_position := link.position;
            last_hash := link.hash;
        END IF;
    END LOOP;
    IF last_position IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM core.audit a USING core.audit_link l
    WHERE a.id = l.entry_id AND l.position <= last_position;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM core.audit_link WHERE position <= last_position;
    INSERT INTO core.audit (actor, action, object_type, object_id, object, detail)
    VALUES ('the appliance', 'audit.prune', 'audit', '', '', jsonb_build_object(
        'removed', removed, 'position', last_position, 'hash', encode(last_hash, 'hex')));
    -- The lock of the chain is taken last.
    UPDATE core.audit_start SET position = last_position, hash = last_hash;
    RETURN removed;
END $$;

-- The owner of the tables has no login. A superuser is stopped as well, unless it means to do it.
CREATE FUNCTION core.keep_audit() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'cloister_audit' THEN
        RAISE EXCEPTION 'the audit is only added to'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'The setting audit_days removes old entries.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON core.audit
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();
CREATE TRIGGER audit_link_kept BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON core.audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();
CREATE TRIGGER audit_start_kept BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON core.audit_start
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();
-- How far the guided set-up is, for every browser and operator of this machine. A machine that was
-- claimed before there was a guide has skipped every step.
CREATE TABLE core.setup_step (
    step       text PRIMARY KEY,
    state      text NOT NULL CHECK (state IN ('done', 'skipped')),
    decided_at timestamptz NOT NULL DEFAULT now(),
    decided_by text NOT NULL
);

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

-- library ---------------------------------------------------------------------------------------

-- Who may read: everybody, or the owner alone. Retrieval asks this inside its statement.
CREATE TABLE library.collection (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    owner_id   uuid REFERENCES core.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN library.collection.owner_id IS 'NULL: shared with everybody on this machine';
CREATE UNIQUE INDEX collection_name ON library.collection (name, owner_id) NULLS NOT DISTINCT;

CREATE TABLE library.document (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    collection_id uuid NOT NULL REFERENCES library.collection ON DELETE CASCADE,
    uploaded_by   uuid REFERENCES core.account ON DELETE SET NULL,
    file_name     text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 255),
    digest        text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    size          bigint NOT NULL CHECK (size > 0),
    state         text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'reading', 'ready', 'failed', 'quarantined')),
    -- Why it failed, in the words of errors.py: a code for programs, a sentence and a hint.
    error_code    text,
    error_message text,
    error_hint    text,
    title         text,
    language      text NOT NULL DEFAULT 'simple',
    page_count    integer,
    chunk_count   integer,
    attempts      integer NOT NULL DEFAULT 0,
    claimed_by    text,
    claimed_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    ready_at      timestamptz,
    -- When the file was last compared with its digest; the upload is the first time.
    verified_at   timestamptz NOT NULL DEFAULT now(),
    turn          bigint NOT NULL DEFAULT 0,
    -- It was in hand when ingest ended: no other document is read beside it, so that a further end
    -- is its own doing. `attempts` counts these.
    read_alone    boolean NOT NULL DEFAULT false,
    CHECK ((error_code IS NOT NULL) = (state IN ('failed', 'quarantined')))
);
-- The same file twice in one collection is one document.
CREATE UNIQUE INDEX document_digest ON library.document (collection_id, digest);
CREATE INDEX document_by_digest ON library.document (digest);
CREATE INDEX document_newest ON library.document (collection_id, created_at DESC);
CREATE INDEX document_uploader ON library.document (uploaded_by) INCLUDE (size);
CREATE INDEX document_verified ON library.document (verified_at);
CREATE INDEX document_failed ON library.document (error_code) WHERE state = 'failed';

-- How much the files that a person added may take together. Without a row the setting counts.
CREATE TABLE library.quota (
    account_id uuid PRIMARY KEY REFERENCES core.account ON DELETE CASCADE,
    bytes      bigint CHECK (bytes > 0)
);
COMMENT ON COLUMN library.quota.bytes IS 'NULL: without a limit';
CREATE INDEX document_queue ON library.document (turn, created_at, id) WHERE state = 'queued';
CREATE INDEX document_in_hand ON library.document (turn) WHERE state = 'reading';
CREATE INDEX document_turns ON library.document (coalesce(uploaded_by, collection_id), turn)
    WHERE state IN ('queued', 'reading');

-- People take turns: each further document of a person gets a later turn, and the first one gets
-- the turn that is being read. So no queue of one person delays another's by more than one
-- document, and the lease reads one entry of an index. The lock keeps two uploads of a person at
-- once from taking the same turn.
CREATE FUNCTION library.take_turn() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := coalesce(NEW.uploaded_by, NEW.collection_id);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(person::text, 1));
    NEW.turn := greatest(
        (SELECT max(turn) + 1 FROM library.document
         WHERE coalesce(uploaded_by, collection_id) = person AND state IN ('queued', 'reading')),
        coalesce((SELECT max(turn) FROM library.document WHERE state = 'reading'),
                 (SELECT min(turn) FROM library.document WHERE state = 'queued'), 0));
    RETURN NEW;
END $$;
CREATE TRIGGER document_queued BEFORE INSERT ON library.document
    FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION library.take_turn();
CREATE TRIGGER document_queued_again BEFORE UPDATE OF state ON library.document
    FOR EACH ROW WHEN (NEW.state = 'queued' AND OLD.state NOT IN ('queued', 'reading'))
    EXECUTE FUNCTION library.take_turn();

-- The ledger: one row a page, also for pages that gave no text.
CREATE TABLE library.page (
    document_id uuid NOT NULL REFERENCES library.document ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number >= 1),
    label       text,
    state       text NOT NULL CHECK (state IN ('read', 'empty', 'failed')),
    text        text NOT NULL DEFAULT '',
    note        text,
    PRIMARY KEY (document_id, number)
);
-- To say how many pages gave no text without reading those that did.
CREATE INDEX page_without_text ON library.page (document_id) WHERE state <> 'read';

-- A chunk never crosses a page. start_at and end_at are character offsets into page.text.
CREATE TABLE library.chunk (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    document_id   uuid NOT NULL REFERENCES library.document ON DELETE CASCADE,
    collection_id uuid NOT NULL REFERENCES library.collection ON DELETE CASCADE,
    ordinal       integer NOT NULL,
    page          integer NOT NULL,
    start_at      integer NOT NULL,
    end_at        integer NOT NULL CHECK (end_at > start_at),
    heading_path  text[] NOT NULL DEFAULT '{}',
    text          text NOT NULL,
    language      text NOT NULL,
    words         tsvector NOT NULL,
    UNIQUE (document_id, ordinal)
);
CREATE INDEX chunk_words ON library.chunk USING gin (words) WITH (fastupdate = off);
CREATE INDEX chunk_collection ON library.chunk (collection_id);

-- Whether the database has the pages and chunks that reading gave. A document without a count has
-- at least one chunk.
CREATE FUNCTION library.is_complete(document uuid, chunk_count integer, page_count integer)
    RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT found.chunks > 0 AND found.chunks = coalesce($2, found.chunks)
       AND found.pages = coalesce($3, found.pages)
    FROM (SELECT (SELECT count(*) FROM library.chunk AS c WHERE c.document_id = $1) AS chunks,
                 (SELECT count(*) FROM library.page AS p WHERE p.document_id = $1) AS pages)
         AS found
$$;

-- The number of chunks that contain a lexeme: a rare word weighs more than a common one. It is kept
-- by collection, so that a ranking counts only what its reader may see. There is no foreign key,
-- because the rows of a collection end with its chunks.
CREATE TABLE library.term (
    collection_id uuid NOT NULL,
    language      text NOT NULL,
    lexeme        text NOT NULL,
    chunks        integer NOT NULL,
    PRIMARY KEY (collection_id, language, lexeme)
);

-- The number of chunks of a collection in each of its languages.
CREATE TABLE library.collection_language (
    collection_id uuid NOT NULL,
    language      text NOT NULL,
    chunks        integer NOT NULL,
    PRIMARY KEY (collection_id, language)
);

-- The table of chunks counts its own words, so that no statement that adds or removes chunks can
-- miss it. Documents of one collection share words, so their writers wait for each other anyway:
-- here in turn, never crosswise, and never for a writer of another collection.
CREATE FUNCTION library.count_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('library.term ' || changed.collection_id, 0))
        FROM (SELECT DISTINCT collection_id FROM changed ORDER BY collection_id) AS changed;
    INSERT INTO library.collection_language (collection_id, language, chunks)
        SELECT collection_id, language, sign * count(*) FROM changed
        GROUP BY collection_id, language
        ON CONFLICT (collection_id, language)
            DO UPDATE SET chunks = collection_language.chunks + excluded.chunks;
    INSERT INTO library.term (collection_id, language, lexeme, chunks)
        SELECT changed.collection_id, changed.language, word.lexeme, sign * count(*)
        FROM changed, unnest(changed.words) AS word
        GROUP BY changed.collection_id, changed.language, word.lexeme
        ON CONFLICT (collection_id, language, lexeme)
            DO UPDATE SET chunks = term.chunks + excluded.chunks;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM library.collection_language USING (
            SELECT DISTINCT collection_id, language FROM changed
        ) AS gone
        WHERE collection_language.collection_id = gone.collection_id
          AND collection_language.language = gone.language AND collection_language.chunks <= 0;
        DELETE FROM library.term USING (
            SELECT DISTINCT changed.collection_id, changed.language, word.lexeme
            FROM changed, unnest(changed.words) AS word
        ) AS gone
        WHERE term.collection_id = gone.collection_id AND term.language = gone.language
          AND term.lexeme = gone.lexeme AND term.chunks <= 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER chunk_added AFTER INSERT ON library.chunk
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION library.count_terms();
CREATE TRIGGER chunk_removed AFTER DELETE ON library.chunk
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION library.count_terms();

-- One row an embedding model that vectors were made with; at most one serves.
CREATE TABLE library.embedding_model (
    id         integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL,
    digest     text NOT NULL,
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000),
    state      text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'serving')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, digest)
);
CREATE UNIQUE INDEX embedding_model_serves ON library.embedding_model (state)
    WHERE state = 'serving';

-- halfvec without dimensions: each model's partial HNSW index casts to its own.
CREATE TABLE library.embedding (
    model_id integer NOT NULL REFERENCES library.embedding_model ON DELETE CASCADE,
    chunk_id bigint NOT NULL REFERENCES library.chunk ON DELETE CASCADE,
    vector   public.halfvec NOT NULL,
    PRIMARY KEY (model_id, chunk_id)
);
CREATE INDEX embedding_chunk ON library.embedding (chunk_id);

-- Only the owner of a table may index it; the ingest process asks for one model at a time.
CREATE FUNCTION library.index_vectors(model integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size integer;
BEGIN
    SELECT dimensions INTO STRICT size FROM library.embedding_model WHERE id = model;
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS embedding_vectors_%s ON library.embedding'
        ' USING hnsw ((vector::public.halfvec(%s)) public.halfvec_cosine_ops) WHERE model_id = %s',
        model, size, model);
END $$;
CREATE FUNCTION library.drop_vectors(model integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM library.embedding_model WHERE id = model;
    EXECUTE format('DROP INDEX IF EXISTS library.embedding_vectors_%s', model);
END $$;

-- chat ------------------------------------------------------------------------------------------

CREATE TABLE chat.conversation (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES core.account ON DELETE CASCADE,
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversation_newest ON chat.conversation (account_id, updated_at DESC);

CREATE TABLE chat.message (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL REFERENCES chat.conversation ON DELETE CASCADE,
    ordinal         integer NOT NULL,
    author          text NOT NULL CHECK (author IN ('person', 'cloister')),
    -- A question is complete at once; an answer goes from waiting over writing to one of the rest.
    state           text NOT NULL
                    CHECK (state IN ('waiting', 'writing', 'complete', 'stopped', 'interrupted', 'failed')),
    -- generated by the model, quoted from the passages, or without any evidence; NULL for questions.
    kind            text CHECK (kind IN ('generated', 'quoted', 'no_evidence')),
    text            text NOT NULL DEFAULT '',
    error_code      text,
    error_message   text,
    error_hint      text,
    model           text,
    worker          integer,
    passages_found  integer,
    passages_used   integer,
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    -- What the model did not read in full, beside the passages that it did not read at all.
    passages_shortened integer,
    questions_left_out integer,
    -- The text as HTML, and which version of the program made it; NULL until it is needed.
    html            text,
    html_version    integer,
    UNIQUE (conversation_id, ordinal),
    CHECK ((author = 'person') = (worker IS NULL))
);
CREATE INDEX message_unfinished ON chat.message (worker) WHERE state IN ('waiting', 'writing');

-- What [n] in an answer points to. The quote stays readable as long as the document does.
CREATE TABLE chat.citation (
    message_id  uuid NOT NULL REFERENCES chat.message ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number >= 1),
    document_id uuid REFERENCES library.document ON DELETE SET NULL,
    file_name   text NOT NULL,
    page        integer NOT NULL,
    start_at    integer NOT NULL,
    end_at      integer NOT NULL,
    PRIMARY KEY (message_id, number)
);
CREATE INDEX citation_document ON chat.citation (document_id);

-- Roles: the least each process needs. cloister owns everything and needs no grant. ---------------

GRANT USAGE ON SCHEMA core, library, chat TO cloister_chat;
GRANT SELECT (id, name, display_name, role, created_at, locked_at) ON core.account TO cloister_chat;
GRANT SELECT, INSERT, DELETE ON core.api_key TO cloister_chat;
GRANT UPDATE (used_at) ON core.api_key TO cloister_chat;
-- A chat server says what was done, and neither when nor under which number.
GRANT INSERT (actor, action, object_type, object_id, object, detail) ON core.audit TO cloister_chat;
GRANT SELECT, INSERT, DELETE ON library.document TO cloister_chat;
GRANT UPDATE (file_name, state, error_code, error_message, error_hint, attempts,
              claimed_by, claimed_at, verified_at)
    ON library.document TO cloister_chat;
GRANT SELECT, INSERT ON library.collection TO cloister_chat;
GRANT SELECT ON library.page, library.chunk, library.embedding, library.embedding_model
    TO cloister_chat;
GRANT SELECT ON library.term, library.collection_language, library.quota TO cloister_chat;
GRANT SELECT, INSERT, UPDATE, DELETE ON chat.conversation, chat.message, chat.citation
    TO cloister_chat;

GRANT USAGE ON SCHEMA core, library TO cloister_ingest;
GRANT SELECT, INSERT, UPDATE ON core.job TO cloister_ingest;
GRANT SELECT ON library.collection TO cloister_ingest;
GRANT SELECT, UPDATE ON library.document TO cloister_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON library.page, library.chunk, library.embedding, library.embedding_model
    TO cloister_ingest;
GRANT SELECT ON library.term, library.collection_language TO cloister_ingest;
REVOKE ALL ON FUNCTION library.index_vectors, library.drop_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION library.index_vectors, library.drop_vectors TO cloister_ingest;

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

-- The audit belongs to a role that has no login.
GRANT USAGE ON SCHEMA core TO cloister_audit;
ALTER TABLE core.audit OWNER TO cloister_audit;
ALTER TABLE core.audit_link OWNER TO cloister_audit;
ALTER TABLE core.audit_start OWNER TO cloister_audit;
ALTER FUNCTION core.link_audit OWNER TO cloister_audit;
ALTER FUNCTION core.prune_audit OWNER TO cloister_audit;
REVOKE ALL ON FUNCTION core.link_audit, core.prune_audit FROM PUBLIC;
GRANT SELECT, INSERT ON core.audit TO cloister;
GRANT SELECT ON core.audit_link, core.audit_start TO cloister;
GRANT EXECUTE ON FUNCTION core.prune_audit TO cloister;

-- The chat role cannot read settings, but it must know which models answer.
CREATE VIEW core.chosen_model AS
    SELECT name, value #>> '{}' AS model FROM core.setting
    WHERE name IN ('chat_model', 'embedding_model');
GRANT SELECT ON core.chosen_model TO cloister_chat, cloister_ingest;

-- What an operator sets, for the chat servers that use it: they may not read other settings.
CREATE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting
    WHERE name IN ('upload_limit', 'document_quota', 'context_tokens', 'allowed_models',
                   'banner_text', 'session_days', 'time_zone');
GRANT SELECT ON core.operator_setting TO cloister_chat;

INSERT INTO library.collection (name) VALUES ('Shared library');
