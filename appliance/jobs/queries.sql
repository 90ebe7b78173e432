-- name: end_stale
-- Close what gave no sign of life or ran past its deadline: its process is gone or stuck.
UPDATE core.job SET state = 'failed', finished_at = %(now)s, result = %(reason)s
WHERE kind = %(kind)s AND state = 'running'
  AND (heartbeat_at < %(silent_since)s OR deadline_at < %(now)s);

-- name: start
-- Nothing comes back when another one of the kind runs: the unique index is the lock.
INSERT INTO core.job (kind, state, started_at, heartbeat_at, deadline_at)
VALUES (%(kind)s, 'running', %(now)s, %(now)s, %(deadline)s)
ON CONFLICT (kind) WHERE state = 'running' DO NOTHING
RETURNING id, kind, state, started_at, heartbeat_at, deadline_at, finished_at, log, result;

-- name: beat
-- A sign of life, with a line for the log or an empty text.
UPDATE core.job SET heartbeat_at = %(now)s, log = log || %(line)s
WHERE id = %(id)s AND state = 'running' AND deadline_at > %(now)s;

-- name: end
UPDATE core.job SET state = %(state)s, finished_at = %(now)s, result = %(result)s
WHERE id = %(id)s AND state = 'running';

-- name: jobs
SELECT id, kind, state, started_at, heartbeat_at, deadline_at, finished_at, log, result
FROM core.job ORDER BY started_at DESC, id LIMIT %(limit)s;

-- name: job
SELECT id, kind, state, started_at, heartbeat_at, deadline_at, finished_at, log, result
FROM core.job WHERE id = %(id)s;
