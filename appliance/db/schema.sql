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
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    locked_at     timestamptz,
    CONSTRAINT account_name_is_taken UNIQUE (name)
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

CREATE TABLE core.setting (
    name  text PRIMARY KEY,
    value jsonb NOT NULL
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
    object_id   text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN core.audit.object IS 'what people call the object, or its id';
CREATE INDEX audit_actor ON core.audit (actor, id DESC);
CREATE INDEX audit_object ON core.audit (object_type, object_id, id DESC);

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
    CHECK ((error_code IS NOT NULL) = (state IN ('failed', 'quarantined')))
);
-- The same file twice in one collection is one document.
CREATE UNIQUE INDEX document_digest ON library.document (collection_id, digest);
CREATE INDEX document_by_digest ON library.document (digest);
CREATE INDEX document_queue ON library.document (created_at) WHERE state IN ('queued', 'reading');
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

-- The number of chunks that contain a lexeme: a rare word weighs more than a common one.
CREATE TABLE library.term (
    language text NOT NULL,
    lexeme   text NOT NULL,
    chunks   integer NOT NULL,
    PRIMARY KEY (language, lexeme)
);

-- The table counts its own words, so that no way to add or remove chunks can miss it. Most
-- documents share words, so writers wait for each other anyway: here in turn, never crosswise.
CREATE FUNCTION library.count_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('library.term', 0));
    INSERT INTO library.term (language, lexeme, chunks)
        SELECT changed.language, word.lexeme, sign * count(*)
        FROM changed, unnest(changed.words) AS word
        GROUP BY changed.language, word.lexeme
        ON CONFLICT (language, lexeme) DO UPDATE SET chunks = term.chunks + excluded.chunks;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM library.term USING (
            SELECT DISTINCT changed.language, word.lexeme
            FROM changed, unnest(changed.words) AS word
        ) AS gone
        WHERE term.language = gone.language AND term.lexeme = gone.lexeme AND term.chunks <= 0;
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
GRANT SELECT ON core.account TO cloister_chat;
GRANT UPDATE (password_hash) ON core.account TO cloister_chat;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.session TO cloister_chat;
GRANT SELECT, DELETE ON core.invitation TO cloister_chat;
GRANT SELECT, INSERT, DELETE ON core.api_key TO cloister_chat;
GRANT UPDATE (used_at) ON core.api_key TO cloister_chat;
GRANT INSERT ON core.audit TO cloister_chat;
GRANT SELECT, INSERT, DELETE ON library.document TO cloister_chat;
GRANT UPDATE (file_name, state, error_code, error_message, error_hint, attempts,
              claimed_by, claimed_at, verified_at)
    ON library.document TO cloister_chat;
GRANT SELECT, INSERT ON library.collection TO cloister_chat;
GRANT SELECT ON library.page, library.chunk, library.embedding, library.embedding_model
    TO cloister_chat;
GRANT SELECT ON library.term, library.quota TO cloister_chat;
GRANT SELECT, INSERT, UPDATE, DELETE ON chat.conversation, chat.message, chat.citation
    TO cloister_chat;

GRANT USAGE ON SCHEMA core, library TO cloister_ingest;
GRANT SELECT, INSERT, UPDATE ON core.job TO cloister_ingest;
GRANT SELECT ON library.collection TO cloister_ingest;
GRANT SELECT, UPDATE ON library.document TO cloister_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON library.page, library.chunk, library.embedding, library.embedding_model
    TO cloister_ingest;
GRANT SELECT ON library.term TO cloister_ingest;
REVOKE ALL ON FUNCTION library.index_vectors, library.drop_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION library.index_vectors, library.drop_vectors TO cloister_ingest;

-- The chat role cannot read settings, but it must know which models answer.
CREATE VIEW core.chosen_model AS
    SELECT name, value #>> '{}' AS model FROM core.setting
    WHERE name IN ('chat_model', 'embedding_model');
GRANT SELECT ON core.chosen_model TO cloister_chat, cloister_ingest;

-- What an operator sets, for the chat servers that use it: they may not read other settings.
CREATE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting
    WHERE name IN ('upload_limit', 'document_quota', 'context_tokens', 'allowed_models');
GRANT SELECT ON core.operator_setting TO cloister_chat;

INSERT INTO library.collection (name) VALUES ('Shared library');
