-- name: identities
-- Which documents are the same in two databases: by their id and the digest of their file.
SELECT id, digest FROM library.document;

-- name: embedding_models
SELECT id, name, digest FROM library.embedding_model;

-- name: without_triggers
-- No trigger and no foreign key acts until the transaction ends: the caller keeps the rows right.
SELECT set_config('session_replication_role', 'replica', true);

-- name: drop_other_pages
-- Keep the pages of these documents only.
DELETE FROM library.page AS p WHERE NOT EXISTS (
    SELECT FROM unnest(%(documents)s::uuid[]) AS same (id) WHERE same.id = p.document_id);

-- name: drop_other_chunks
-- The same for chunks; a chunk belongs to the collection of its document.
DELETE FROM library.chunk AS c WHERE NOT EXISTS (
    SELECT FROM unnest(%(documents)s::uuid[]) AS same (id)
    JOIN library.document d ON d.id = same.id
    WHERE same.id = c.document_id AND d.collection_id = c.collection_id);

-- name: drop_other_vectors
-- Keep the vectors of chunks that are there, of models that are the same.
DELETE FROM library.embedding AS e
WHERE NOT e.model_id = ANY(%(models)s::integer[])
   OR NOT EXISTS (SELECT FROM library.chunk c WHERE c.id = e.chunk_id);

-- name: queue_incomplete
-- Documents whose pages and chunks are not there are read again.
UPDATE library.document
SET state = 'queued', attempts = 0, claimed_by = NULL, claimed_at = NULL, read_alone = false
WHERE state IN ('ready', 'reading') AND NOT library.is_complete(id, chunk_count, page_count)
RETURNING id;

-- name: drop_pages_of
DELETE FROM library.page WHERE document_id = ANY(%(documents)s::uuid[]);

-- name: drop_chunks_of
DELETE FROM library.chunk WHERE document_id = ANY(%(documents)s::uuid[]);

-- name: forget_terms
DELETE FROM library.term;

-- name: count_terms
INSERT INTO library.term (collection_id, language, lexeme, chunks)
SELECT c.collection_id, c.language, word.lexeme, count(*)
FROM library.chunk c, unnest(c.words) AS word
GROUP BY c.collection_id, c.language, word.lexeme;

-- name: forget_languages
DELETE FROM library.collection_language;

-- name: count_languages
INSERT INTO library.collection_language (collection_id, language, chunks)
SELECT collection_id, language, count(*) FROM library.chunk GROUP BY collection_id, language;

-- name: end_invitations
-- A code that was used or withdrawn since would work again.
DELETE FROM core.invitation;

-- name: end_jobs
-- What ran while the set was made does not run on this machine.
UPDATE core.job SET state = 'interrupted', finished_at = now() WHERE state IN ('queued', 'running');

-- name: end_keys
-- Keys that were ended since the set was made stay ended.
DELETE FROM core.api_key WHERE NOT id = ANY(%(keys)s::uuid[]);

-- name: lock_people
-- People who were locked since stay locked.
UPDATE core.account SET locked_at = now()
WHERE id = ANY(%(people)s::uuid[]) AND locked_at IS NULL;

-- name: access_now
-- Which keys are valid in a database, which people are locked there, and whether it has people.
SELECT ARRAY(SELECT id FROM core.api_key)                              AS keys,
       ARRAY(SELECT id FROM core.account WHERE locked_at IS NOT NULL)  AS locked,
       (SELECT count(*) FROM core.account)                             AS people;

-- name: contents
-- How much a database has, and how much of it is newer than a moment.
SELECT (SELECT count(*) FROM core.account)                                          AS people,
       (SELECT count(*) FROM library.document)                                      AS documents,
       (SELECT count(*) FROM chat.conversation)                                     AS conversations,
       (SELECT count(*) FROM core.account WHERE created_at > %(since)s)             AS new_people,
       (SELECT count(*) FROM library.document WHERE created_at > %(since)s)         AS new_documents,
       (SELECT count(*) FROM chat.conversation WHERE created_at > %(since)s)        AS new_conversations,
       (SELECT count(*) FROM chat.message WHERE created_at > %(since)s)             AS new_messages,
       (SELECT max(created_at) FROM library.document)                               AS newest_document,
       (SELECT max(created_at) FROM chat.message)                                   AS newest_message,
       (SELECT max(number) FROM public.migration)                                   AS schema;

-- name: word_of_a_chunk
-- A word of a passage whose place is chosen at random.
SELECT c.id, (SELECT min(word.lexeme) FROM unnest(c.words) AS word) AS lexeme
FROM library.chunk c
WHERE c.id >= (SELECT min(id) + floor(random() * (max(id) - min(id) + 1)) FROM library.chunk)
  AND c.words <> ''
ORDER BY c.id LIMIT 1;

-- name: found_by_word
SELECT count(*) FROM library.chunk WHERE words @@ quote_literal(%(lexeme)s::text)::tsquery;

-- name: vector_of_a_chunk
SELECT e.model_id, e.chunk_id, m.dimensions
FROM library.embedding e JOIN library.embedding_model m ON m.id = e.model_id
ORDER BY m.state = 'serving' DESC, e.chunk_id LIMIT 1;

-- name: found_by_vector
-- The nearest passage of a vector is its own, or one with the same vector.
SELECT e.vector <=> asked.vector AS distance
FROM library.embedding e,
     (SELECT vector FROM library.embedding
      WHERE model_id = %(model)s AND chunk_id = %(chunk)s) AS asked
WHERE e.model_id = %(model)s
ORDER BY distance LIMIT 1;

-- name: documents
SELECT d.id, c.name AS collection, c.owner_id AS owner, d.uploaded_by, d.file_name, d.digest,
       d.size, d.created_at
FROM library.document d JOIN library.collection c ON c.id = d.collection_id
ORDER BY d.created_at, d.id;

-- name: add_collection
-- The collection of a document, unless it belonged to a person who has no account now.
INSERT INTO library.collection (name, owner_id)
SELECT %(collection)s, %(owner)s::uuid
WHERE %(owner)s::uuid IS NULL OR EXISTS (SELECT FROM core.account WHERE id = %(owner)s)
ON CONFLICT DO NOTHING;

-- name: add_document
-- A document that is missing, to be read. It stays missing without a collection.
INSERT INTO library.document (id, collection_id, uploaded_by, file_name, digest, size, created_at)
SELECT %(id)s, c.id, (SELECT a.id FROM core.account a WHERE a.id = %(uploaded_by)s),
       %(file_name)s, %(digest)s, %(size)s, %(created_at)s
FROM library.collection c
WHERE c.name = %(collection)s AND c.owner_id IS NOT DISTINCT FROM %(owner)s::uuid
ON CONFLICT DO NOTHING;

-- name: notify_queued
SELECT pg_notify('library_queued', '');

-- name: person
SELECT id, name FROM core.account WHERE name = lower(%(subject)s) OR id::text = %(subject)s;

-- name: account_of
SELECT id FROM core.account WHERE id = %(id)s OR name = %(name)s ORDER BY id = %(id)s DESC LIMIT 1;

-- name: conversation_ids
SELECT id FROM chat.conversation;

-- name: conversations_of
SELECT to_jsonb(c) FROM chat.conversation c WHERE c.account_id = %(person)s ORDER BY c.created_at;

-- name: messages_of
SELECT to_jsonb(m) FROM chat.message m WHERE m.conversation_id = %(conversation)s ORDER BY m.ordinal;

-- name: citations_of
SELECT to_jsonb(c) FROM chat.citation c JOIN chat.message m ON m.id = c.message_id
WHERE m.conversation_id = %(conversation)s ORDER BY m.ordinal, c.number;

-- name: add_conversation
INSERT INTO chat.conversation
SELECT * FROM jsonb_populate_record(NULL::chat.conversation, %(row)s);

-- name: add_message
INSERT INTO chat.message SELECT * FROM jsonb_populate_record(NULL::chat.message, %(row)s);

-- name: add_citation
INSERT INTO chat.citation SELECT * FROM jsonb_populate_record(NULL::chat.citation, %(row)s);

-- name: settings
SELECT name, to_jsonb(s) FROM core.setting s;

-- name: set
-- The processes that use a setting read it again at the commit.
INSERT INTO core.setting (name, value, changed_by, changed_at)
SELECT saved->>'name', saved->'value', saved->>'changed_by', (saved->>'changed_at')::timestamptz
FROM (SELECT %(row)s::jsonb AS saved) one
ON CONFLICT (name) DO UPDATE
SET value = excluded.value, changed_by = excluded.changed_by, changed_at = excluded.changed_at
RETURNING pg_notify('core_setting', name);
