-- name: chosen
SELECT name, model FROM core.chosen_model;

-- name: searching
SELECT name FROM library.embedding_model WHERE state = 'serving';

-- name: choose
INSERT INTO core.setting (name, value) VALUES (%(name)s, to_jsonb(%(model)s::text))
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: wake_ingest
-- A new model for search means that every passage needs a new vector: do not wait for a document.
SELECT pg_notify('library_queued', '');
