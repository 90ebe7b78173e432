-- name: add
INSERT INTO core.audit (actor, action, object_type, object_id, object, detail)
VALUES (%(actor)s, %(action)s, %(object_type)s, %(object_id)s, %(name)s, %(detail)s::jsonb);

-- name: entries
-- Newest first. A reader asks for what is older than the last row that it has (`before`): rows
-- that are added meanwhile move no page.
SELECT id, at, actor, action, object_type, object_id, object AS name, detail
FROM core.audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s OR split_part(action, '.', 1) = %(action)s)
  AND (%(object_type)s::text IS NULL OR object_type = %(object_type)s)
  AND (%(object_id)s::text IS NULL OR object_id = %(object_id)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
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
