-- name: stored
-- What an operator has set, as the role that owns the settings reads it.
SELECT name, value FROM core.setting WHERE name = ANY(%(names)s);

-- name: followed
-- What an operator has set, as the chat servers that follow it read it.
SELECT name, value FROM core.operator_setting;

-- name: set
INSERT INTO core.setting (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: reset
DELETE FROM core.setting WHERE name = %(name)s;

-- name: notify
-- Tell the processes at the commit.
SELECT pg_notify('core_setting', %(name)s);
