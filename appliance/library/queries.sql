-- name: ensure_private_collection
-- Each account has a collection of its own from the first look at the library on.
INSERT INTO library.collection (name, owner_id) VALUES (%(name)s, %(reader)s)
ON CONFLICT DO NOTHING;

-- name: collections
-- The collections that the reader may see: their own first, where documents go by default.
SELECT id, name, owner_id FROM library.collection
WHERE owner_id IS NULL OR owner_id = %(reader)s
ORDER BY owner_id IS NULL, name;

-- name: documents
-- Documents that the reader may see, newest first, with the progress of reading.
SELECT d.id, d.collection_id, c.name AS collection, c.owner_id IS NULL AS is_shared,
       a.display_name AS uploader, d.file_name, d.digest, d.size, d.state,
       d.error_code, d.error_message, d.error_hint, d.title,
       (SELECT count(*) FROM library.page p WHERE p.document_id = d.id) AS pages_done,
       (SELECT count(*) FROM library.page p
        WHERE p.document_id = d.id AND p.state <> 'read') AS pages_without_text,
       d.page_count, d.created_at, d.ready_at,
       (c.owner_id IS NOT NULL OR d.uploaded_by IS NOT DISTINCT FROM %(reader)s
        OR %(may_change_shared)s::boolean) AS may_change
FROM library.document d
JOIN library.collection c ON c.id = d.collection_id
LEFT JOIN core.account a ON a.id = d.uploaded_by
WHERE (c.owner_id IS NULL OR c.owner_id = %(reader)s)
  AND (%(document)s::uuid IS NULL OR d.id = %(document)s)
  AND (%(collection)s::uuid IS NULL OR d.collection_id = %(collection)s)
  AND position(lower(%(words)s::text) IN lower(d.file_name)) > 0
ORDER BY d.created_at DESC, d.id
LIMIT %(limit)s OFFSET %(offset)s;

-- name: count_documents
SELECT count(*) FROM library.document d
JOIN library.collection c ON c.id = d.collection_id
WHERE (c.owner_id IS NULL OR c.owner_id = %(reader)s)
  AND (%(collection)s::uuid IS NULL OR d.collection_id = %(collection)s)
  AND position(lower(%(words)s::text) IN lower(d.file_name)) > 0;

-- name: ledger
-- The result of reading each page.
SELECT p.number, p.label, p.state, length(p.text) AS characters, p.note
FROM library.page p
JOIN library.document d ON d.id = p.document_id
JOIN library.collection c ON c.id = d.collection_id
WHERE p.document_id = %(document)s AND (c.owner_id IS NULL OR c.owner_id = %(reader)s)
ORDER BY p.number
LIMIT %(limit)s::bigint OFFSET %(offset)s;

-- name: page
SELECT p.number, p.label, p.state, p.text, p.note,
       (SELECT max(b.number) FROM library.page b
        WHERE b.document_id = p.document_id AND b.number < p.number) AS previous,
       (SELECT min(b.number) FROM library.page b
        WHERE b.document_id = p.document_id AND b.number > p.number) AS next
FROM library.page p
JOIN library.document d ON d.id = p.document_id
JOIN library.collection c ON c.id = d.collection_id
WHERE p.document_id = %(document)s AND p.number = %(number)s
  AND (c.owner_id IS NULL OR c.owner_id = %(reader)s);

-- name: add_document
-- Returns nothing if the collection already has the file.
INSERT INTO library.document (collection_id, uploaded_by, file_name, digest, size)
VALUES (%(collection)s, %(reader)s, %(file_name)s, %(digest)s, %(size)s)
ON CONFLICT (collection_id, digest) DO NOTHING
RETURNING id;

-- name: document_by_digest
SELECT id FROM library.document WHERE collection_id = %(collection)s AND digest = %(digest)s;

-- name: queue_again
-- Queue documents again and notify the ingest process at the commit: one document, optionally
-- under another name, or all that are in one of the states.
UPDATE library.document
SET state = 'queued', file_name = coalesce(%(file_name)s, file_name), attempts = 0,
    error_code = NULL, error_message = NULL, error_hint = NULL
WHERE state = ANY(%(states)s::text[]) AND (%(document)s::uuid IS NULL OR id = %(document)s)
RETURNING pg_notify('library_queued', id::text);

-- name: announce
-- Notifies the ingest process at the commit.
SELECT pg_notify('library_queued', %(document)s::text);

-- name: delete_document
-- Deletes its pages, chunks, vectors and word counts as well. The ingest process is notified at the
-- commit and removes the file if the deleting process crashes first.
DELETE FROM library.document WHERE id = %(document)s
RETURNING pg_notify('library_removed', digest);

-- name: lock_digest
-- Held while a file, or a row that uses it, is added or removed.
SELECT pg_advisory_xact_lock(hashtextextended(%(digest)s::text, 0));

-- name: digest_is_used
SELECT EXISTS (SELECT FROM library.document WHERE digest = %(digest)s);

-- name: unused_digests
SELECT given.digest FROM unnest(%(digests)s::text[]) AS given (digest)
WHERE NOT EXISTS (SELECT FROM library.document d WHERE d.digest = given.digest);

-- name: queue
-- The operator's view: unfinished documents in the order of their turns, then the newest of the rest. Private documents have
-- no name here: the operator sees that a document failed and why, not which one it is.
SELECT d.id,
       CASE WHEN c.owner_id IS NULL THEN d.file_name
            ELSE 'private document' || coalesce(substring(d.file_name FROM '\.[[:alnum:]]+$'), '')
       END AS file_name,
       a.display_name AS owner, c.name AS collection, d.size, d.state,
       (SELECT count(*) FROM library.page p WHERE p.document_id = d.id) AS pages_done,
       d.page_count, d.attempts, d.created_at, d.error_code,
       CASE WHEN c.owner_id IS NULL THEN d.error_message
            ELSE 'It could not be read: ' || replace(d.error_code, '_', ' ') || '.'
       END AS error_message,
       d.error_hint
FROM library.document d
JOIN library.collection c ON c.id = d.collection_id
LEFT JOIN core.account a ON a.id = coalesce(c.owner_id, d.uploaded_by)
WHERE %(state)s::text IS NULL OR d.state = %(state)s
ORDER BY array_position(
             ARRAY['reading', 'queued', 'quarantined', 'failed', 'ready'], d.state),
         CASE WHEN d.state = 'queued' THEN d.turn END,
         CASE WHEN d.state = 'queued' THEN d.created_at END, d.created_at DESC, d.id
LIMIT %(limit)s;

-- name: counts
SELECT state, count(*) FROM library.document GROUP BY state;

-- name: stored_files
-- The next files in the order of their digests; is_faulty says that a fault of the file is recorded.
SELECT digest, max(size) AS size,
       coalesce(bool_or(error_code = ANY(%(codes)s::text[])), false) AS is_faulty
FROM library.document WHERE digest > %(after)s
GROUP BY digest ORDER BY digest LIMIT %(limit)s;

-- name: due_file
SELECT digest, size, coalesce(error_code = ANY(%(codes)s::text[]), false) AS is_faulty
FROM library.document WHERE verified_at < now() - %(age)s::interval
ORDER BY verified_at LIMIT 1;

-- name: count_due
SELECT count(DISTINCT digest) FROM library.document
WHERE verified_at < now() - %(age)s::interval;

-- name: index_rows
-- The next documents in the order of their ids. Only one that was read has to be complete.
SELECT id, state <> 'ready' OR library.is_complete(id, chunk_count, page_count) AS is_complete
FROM library.document WHERE id > %(after)s
ORDER BY id LIMIT %(limit)s;

-- name: set_verified
UPDATE library.document SET verified_at = now() WHERE digest = %(digest)s;

-- name: fail_file
-- A document that waits or is being read finds the fault by itself.
UPDATE library.document
SET state = 'failed', error_code = %(code)s, error_message = %(message)s, error_hint = %(hint)s
WHERE digest = %(digest)s AND state IN ('ready', 'failed', 'quarantined')
  AND error_code IS DISTINCT FROM %(code)s
RETURNING id;

-- name: restore_file
-- Documents that failed because of their file: ready if their text is complete, else queued. The
-- ingest process is notified at the commit.
UPDATE library.document
SET state = CASE WHEN library.is_complete(id, chunk_count, page_count) THEN 'ready'
                 ELSE 'queued' END,
    attempts = 0, error_code = NULL, error_message = NULL, error_hint = NULL
WHERE digest = %(digest)s AND state = 'failed' AND error_code = ANY(%(codes)s::text[])
RETURNING id, pg_notify('library_queued', id::text);

-- name: fail_incomplete
-- Asked again inside the statement: a document may have been read again meanwhile.
UPDATE library.document
SET state = 'failed', error_code = %(code)s, error_message = %(message)s, error_hint = %(hint)s
WHERE id = ANY(%(documents)s::uuid[]) AND state = 'ready'
  AND NOT library.is_complete(id, chunk_count, page_count)
RETURNING id;

-- name: recorded_faults
SELECT count(*) FILTER (WHERE error_code = %(damaged)s) AS damaged,
       count(*) FILTER (WHERE error_code = %(missing)s) AS missing,
       count(*) FILTER (WHERE error_code = %(incomplete)s) AS incomplete,
       (SELECT count(DISTINCT digest) FROM library.document
        WHERE verified_at < now() - %(within)s::interval) AS overdue
FROM library.document WHERE state = 'failed';

-- name: lock_quota
-- Held while a document of a person is added: two uploads at once cannot both take the last room.
SELECT pg_advisory_xact_lock(hashtextextended('quota:' || %(account)s::text, 0));

-- name: usage
-- What a person's files take: a file counts for each of their documents that has it. The names are
-- null for an account that does not exist.
SELECT asked.account AS id, a.name, a.display_name,
       (SELECT coalesce(sum(d.size), 0)::bigint FROM library.document d
        WHERE d.uploaded_by = %(account)s) AS used,
       q.account_id IS NOT NULL AS is_own, q.bytes AS own,
       (SELECT s.value FROM core.operator_setting s WHERE s.name = %(setting)s) AS common
FROM (VALUES (%(account)s::uuid)) AS asked (account)
LEFT JOIN core.account a ON a.id = asked.account
LEFT JOIN library.quota q ON q.account_id = asked.account;

-- name: all_usages
-- The same for everybody, the most first.
SELECT a.id, a.name, a.display_name, coalesce(taken.size, 0)::bigint AS used,
       q.account_id IS NOT NULL AS is_own, q.bytes AS own,
       (SELECT s.value FROM core.operator_setting s WHERE s.name = %(setting)s) AS common
FROM core.account a
LEFT JOIN (SELECT uploaded_by, sum(size) AS size FROM library.document GROUP BY uploaded_by)
    AS taken ON taken.uploaded_by = a.id
LEFT JOIN library.quota q ON q.account_id = a.id
ORDER BY used DESC, a.display_name, a.name;

-- name: set_quota
INSERT INTO library.quota (account_id, bytes) VALUES (%(account)s, %(bytes)s)
ON CONFLICT (account_id) DO UPDATE SET bytes = excluded.bytes;

-- name: reset_quota
DELETE FROM library.quota WHERE account_id = %(account)s;
