-- What was kept can be verified: when each file was last compared with its digest, and how many
-- chunks reading a document gave.
ALTER TABLE library.document
    ADD COLUMN chunk_count integer,
    ADD COLUMN verified_at timestamptz NOT NULL DEFAULT now();
-- Older files are verified in the first night, and are not overdue before that.
UPDATE library.document AS d
SET verified_at = greatest(created_at, now() - interval '24 days'),
    chunk_count = CASE WHEN state = 'ready' THEN
        (SELECT count(*) FROM library.chunk AS c WHERE c.document_id = d.id) END;
CREATE INDEX document_verified ON library.document (verified_at);
CREATE INDEX document_failed ON library.document (error_code) WHERE state = 'failed';
GRANT UPDATE (verified_at) ON library.document TO cloister_chat;

-- Whether the database has the pages and chunks that reading gave. A document that the previous
-- version reads during the upgrade has no count: then one chunk is the least.
CREATE FUNCTION library.is_complete(document uuid, chunk_count integer, page_count integer)
    RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT found.chunks > 0 AND found.chunks = coalesce($2, found.chunks)
       AND found.pages = coalesce($3, found.pages)
    FROM (SELECT (SELECT count(*) FROM library.chunk AS c WHERE c.document_id = $1) AS chunks,
                 (SELECT count(*) FROM library.page AS p WHERE p.document_id = $1) AS pages)
         AS found
$$;

-- How much the files that a person added may take together. Without a row the setting counts.
CREATE TABLE library.quota (
    account_id uuid PRIMARY KEY REFERENCES core.account ON DELETE CASCADE,
    bytes      bigint CHECK (bytes > 0)
);
COMMENT ON COLUMN library.quota.bytes IS 'NULL: without a limit';
CREATE INDEX document_uploader ON library.document (uploaded_by) INCLUDE (size);
GRANT SELECT ON library.quota TO cloister_chat;
CREATE OR REPLACE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting
    WHERE name IN ('upload_limit', 'document_quota', 'context_tokens');
