-- name: hold_instance
-- Marks the instance as alive: the lock ends with its connection, however the process ends.
SELECT pg_try_advisory_lock(hashtextextended(%(instance)s::text, 0));

-- name: lease
-- Lease the document whose turn it is, unless another worker is leasing it at this moment. One that
-- is read alone waits until no other is read, and the others wait until it is finished.
UPDATE library.document
SET state = 'reading', claimed_by = %(instance)s, claimed_at = now()
WHERE id = (
    SELECT next.id FROM library.document next WHERE next.state = 'queued'
    ORDER BY next.turn, next.created_at, next.id LIMIT 1 FOR UPDATE SKIP LOCKED)
  AND NOT EXISTS (
    SELECT FROM library.document other
    WHERE other.state = 'reading' AND (other.read_alone OR document.read_alone))
RETURNING id, collection_id, file_name, digest;

-- name: forget_pages
-- A document that is read again starts with an empty ledger.
DELETE FROM library.page WHERE document_id = %(id)s;

-- name: forget_chunks
DELETE FROM library.chunk WHERE document_id = %(id)s;

-- name: hold_lease
-- Whether the lease is still valid; the row lock keeps it valid until the commit.
SELECT true FROM library.document
WHERE id = %(id)s AND state = 'reading' AND claimed_by = %(instance)s FOR UPDATE;

-- name: set_page_count
UPDATE library.document SET page_count = %(page_count)s, claimed_at = now()
WHERE id = %(id)s AND claimed_by = %(instance)s;

-- name: add_pages
-- Rows of the ledger, while the lease is valid.
INSERT INTO library.page (document_id, number, label, state, text, note)
SELECT d.id, p.number, p.label, p.state, p.text, p.note
FROM library.document d, unnest(
    %(numbers)s::integer[], %(labels)s::text[], %(states)s::text[], %(texts)s::text[],
    %(notes)s::text[]) AS p (number, label, state, text, note)
WHERE d.id = %(id)s AND d.state = 'reading' AND d.claimed_by = %(instance)s;

-- name: add_chunks
-- The next chunks of a document. Heading paths are JSON, because SQL arrays cannot be ragged.
INSERT INTO library.chunk (document_id, collection_id, ordinal, page, start_at, end_at,
                           heading_path, text, language, words)
SELECT %(id)s, %(collection_id)s, %(before)s + c.ordinal, c.page, c.start_at, c.end_at,
       ARRAY(SELECT jsonb_array_elements_text(c.heading_path)), c.text, %(language)s,
       setweight(to_tsvector(%(language)s::text::regconfig, c.heading_words), 'B')
       || to_tsvector(%(language)s::text::regconfig, c.body_words)
FROM unnest(
    %(pages)s::integer[], %(starts)s::integer[], %(ends)s::integer[], %(heading_paths)s::jsonb[],
    %(texts)s::text[], %(heading_words)s::text[], %(body_words)s::text[]
) WITH ORDINALITY AS c (page, start_at, end_at, heading_path, text, heading_words, body_words,
                        ordinal);

-- name: finish
UPDATE library.document
SET state = 'ready', title = %(title)s, language = %(language)s, page_count = %(page_count)s,
    ready_at = now(), attempts = 0, read_alone = false, claimed_by = NULL, claimed_at = NULL,
    chunk_count = (SELECT count(*) FROM library.chunk WHERE document_id = %(id)s),
    error_code = NULL, error_message = NULL, error_hint = NULL
WHERE id = %(id)s;

-- name: fail
-- A document in quarantine is read alone if a person queues it again.
UPDATE library.document
SET state = %(state)s, error_code = %(code)s, error_message = %(message)s, error_hint = %(hint)s,
    read_alone = %(state)s = 'quarantined', claimed_by = NULL, claimed_at = NULL
WHERE id = %(id)s AND state = 'reading' AND claimed_by = %(instance)s;

-- name: release
-- Back into the queue, at its turn, because the document is not to blame.
UPDATE library.document SET state = 'queued', claimed_by = NULL, claimed_at = NULL
WHERE id = %(id)s AND state = 'reading' AND claimed_by = %(instance)s;

-- name: abandoned
-- The documents whose worker has ended, so that its lock is free.
SELECT id FROM library.document
WHERE state = 'reading' AND claimed_by <> %(instance)s
  AND pg_try_advisory_xact_lock(hashtextextended(claimed_by, 0))
FOR UPDATE SKIP LOCKED;

-- name: interrupt
-- Their reading was ended from outside: back into the queue, to be read alone. It counts against a
-- document only if it was read alone, and too many times put it into quarantine.
UPDATE library.document d
SET state = CASE WHEN before.is_spent THEN 'quarantined' ELSE 'queued' END,
    attempts = d.attempts + d.read_alone::integer, read_alone = true,
    error_code = CASE WHEN before.is_spent THEN %(code)s END,
    error_message = CASE WHEN before.is_spent THEN %(message)s END,
    error_hint = CASE WHEN before.is_spent THEN %(hint)s END,
    claimed_by = NULL, claimed_at = NULL
FROM (SELECT id, read_alone AND attempts + 1 >= %(most)s AS is_spent FROM library.document
      WHERE id = ANY(%(ids)s::uuid[]) AND state = 'reading') AS before
WHERE before.id = d.id
RETURNING d.id, d.state;

-- name: queue_length
SELECT count(*) FROM library.document WHERE state IN ('queued', 'reading');

-- name: chosen_embedding_model
SELECT model FROM core.chosen_model WHERE name = 'embedding_model';

-- name: embedding_models
SELECT id, name, digest, dimensions, state FROM library.embedding_model ORDER BY id;

-- name: add_embedding_model
INSERT INTO library.embedding_model (name, digest, dimensions)
VALUES (%(name)s, %(digest)s, %(dimensions)s)
RETURNING id, name, digest, dimensions, state;

-- name: index_vectors
SELECT library.index_vectors(%(model_id)s);

-- name: unindexed_models
-- Models whose vectors have no index, or one whose build was interrupted. A restore leaves it out.
SELECT m.id, m.name, m.digest, m.dimensions, m.state FROM library.embedding_model m
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = 'library.embedding'::regclass AND i.indisvalid
      AND c.relname = 'embedding_vectors_' || m.id)
ORDER BY m.id;

-- name: drop_vectors
SELECT library.drop_vectors(%(model_id)s);

-- name: serve
UPDATE library.embedding_model SET state = 'serving' WHERE id = %(model_id)s;

-- name: unembedded
-- The next chunks in order that have no vector of a model yet.
SELECT c.id, c.text FROM library.chunk c
WHERE c.id > %(after)s AND NOT EXISTS (
    SELECT FROM library.embedding e WHERE e.model_id = %(model_id)s AND e.chunk_id = c.id)
ORDER BY c.id LIMIT %(limit)s;

-- name: count_unembedded
SELECT count(*) FROM library.chunk c WHERE NOT EXISTS (
    SELECT FROM library.embedding e WHERE e.model_id = %(model_id)s AND e.chunk_id = c.id);

-- name: add_embeddings
-- Chunks that were deleted meanwhile are left out, and so are vectors that exist already.
INSERT INTO library.embedding (model_id, chunk_id, vector)
SELECT m.id, c.id, v.vector::halfvec
FROM unnest(%(chunk_ids)s::bigint[], %(vectors)s::text[]) AS v (chunk_id, vector)
JOIN library.embedding_model m ON m.id = %(model_id)s
JOIN library.chunk c ON c.id = v.chunk_id
ON CONFLICT DO NOTHING;
