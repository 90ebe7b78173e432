-- name: add
INSERT INTO core.audit (actor, action, object_type, object_id, object, detail)
VALUES (%(actor)s, %(action)s, %(object_type)s, %(object_id)s, %(name)s, %(detail)s::jsonb);

-- name: add_note
-- An entry with the number of a note, which is added once however often that is tried.
INSERT INTO core.audit
    (actor, action, object_type, object_id, object, detail, happened_at, note_id)
VALUES (%(actor)s, %(action)s, %(object_type)s, %(object_id)s, %(name)s, %(detail)s::jsonb,
        %(happened_at)s, %(note_id)s)
ON CONFLICT (note_id) DO NOTHING;

-- name: entries
-- Newest first. A reader asks for what is older than the last row that it has (`before`): rows
-- that are added meanwhile move no page.
SELECT a.id, a.at, a.actor, a.action, a.object_type, a.object_id, a.object AS name, a.detail,
       a.happened_at, a.note_id, l.position, encode(l.hash, 'hex') AS hash
FROM core.audit a LEFT JOIN core.audit_link l ON l.entry_id = a.id
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s OR split_part(action, '.', 1) = %(action)s)
  AND (%(object_type)s::text IS NULL OR object_type = %(object_type)s)
  AND (%(object_id)s::text IS NULL OR object_id = %(object_id)s)
  AND (%(since)s::timestamptz IS NULL OR coalesce(happened_at, at) >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR coalesce(happened_at, at) < %(until)s)
  AND position(lower(%(text)s::text) IN
               lower(concat_ws(' ', actor, action, object_type, object_id, object, detail))) > 0
ORDER BY id DESC
LIMIT %(limit)s;

-- name: actors
-- Everybody who is in the audit. Each step finds the next name in the index, so that the question
-- takes as long as there are actors, not as there are rows.
WITH RECURSIVE known (actor) AS (
    SELECT min(actor) FROM core.audit
    UNION ALL
    SELECT (SELECT min(a.actor) FROM core.audit a WHERE a.actor > known.actor)
    FROM known WHERE known.actor IS NOT NULL
)
SELECT actor FROM known WHERE actor IS NOT NULL;

-- name: start
SELECT position, hash FROM core.audit_start;

-- name: has_chain
-- A database that was not brought forward yet has none.
SELECT to_regclass('core.audit_start') IS NOT NULL;

-- name: end
-- The last link, with what identifies the database.
SELECT c.system_identifier::text AS cluster,
       coalesce(l.position, s.position) AS position, coalesce(l.hash, s.hash) AS hash
FROM core.audit_start s
CROSS JOIN pg_control_system() c
LEFT JOIN core.audit_link l ON l.position = (SELECT max(m.position) FROM core.audit_link m);

-- name: hash_at
SELECT hash FROM core.audit_link WHERE position = %(position)s
UNION ALL SELECT hash FROM core.audit_start WHERE position = %(position)s;

-- name: links
-- Some links after a position, each with its entry as core.audit_hash sees it.
SELECT l.position, l.entry_id, l.hash,
       a.id::text, round(extract(epoch FROM a.at) * 1000000)::text AS at,
       a.actor, a.action, a.object_type, a.object_id, a.object, a.detail::text,
       coalesce(round(extract(epoch FROM a.happened_at) * 1000000)::text, '') AS happened_at,
       coalesce(a.note_id::text, '') AS note_id
FROM core.audit_link l LEFT JOIN core.audit a ON a.id = l.entry_id
WHERE l.position > %(after)s ORDER BY l.position LIMIT %(limit)s;

-- name: without_link
SELECT min(a.id), count(*) FROM core.audit a
WHERE NOT EXISTS (SELECT FROM core.audit_link l WHERE l.entry_id = a.id);

-- name: prune
SELECT core.prune_audit(make_interval(days => %(days)s), %(most)s);
