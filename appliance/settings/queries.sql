-- name: lock
-- Let no other operator change settings until the commit.
SELECT pg_advisory_xact_lock(hashtextextended('core.setting', 0));

-- name: stored
-- What an operator has set, as the role that owns the settings reads it.
SELECT name, value, changed_by, changed_at FROM core.setting WHERE name = ANY(%(names)s);

-- name: followed
-- What an operator has set, as the chat servers that follow it read it.
SELECT name, value FROM core.operator_setting;

-- name: set
-- A reset has a JSON null as its value: the row says who did it.
INSERT INTO core.setting (name, value, changed_by, changed_at)
VALUES (%(name)s, %(value)s, %(by)s, %(at)s)
ON CONFLICT (name) DO UPDATE
SET value = excluded.value, changed_by = excluded.changed_by, changed_at = excluded.changed_at;

-- name: notify
-- Tell the processes at the commit.
SELECT pg_notify('core_setting', %(name)s);
