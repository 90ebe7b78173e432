-- name: end_silent
-- Close jobs whose process gave no sign of life: it is gone or stuck. A kind that resumes is queued
-- again instead.
UPDATE core.job
SET state = CASE WHEN kind = ANY(%(resuming)s) THEN 'queued' ELSE 'interrupted' END,
    finished_at = CASE WHEN kind = ANY(%(resuming)s) THEN NULL ELSE %(now)s::timestamptz END,
    result = CASE WHEN kind = ANY(%(resuming)s) THEN NULL ELSE %(reason)s::text END,
    log = log || %(line)s
WHERE state = 'running' AND heartbeat_at < %(silent_since)s;

-- name: end_cancelled
-- A silent job whose cancellation was requested is not queued again.
UPDATE core.job SET state = 'cancelled', finished_at = %(now)s, result = %(reason)s
WHERE state = 'running' AND cancel_asked_at IS NOT NULL AND heartbeat_at < %(silent_since)s;

-- name: end_overdue
-- The engine ends a job at its deadline. This closes one that did not end, and one that no engine
-- runs.
UPDATE core.job SET state = 'failed', finished_at = %(now)s, result = %(reason)s
WHERE state = 'running' AND deadline_at < %(due_since)s;

-- name: add
-- Nothing comes back when another job holds the lock: the unique index is the lock.
INSERT INTO core.job (kind, lock, subject, state, requested_by, created_at)
VALUES (%(kind)s, %(lock)s, %(subject)s, 'queued', %(requested_by)s, %(now)s)
ON CONFLICT (lock) WHERE state IN ('queued', 'running') DO NOTHING
RETURNING id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
          finished_at, cancel_asked_at, progress, done, total, result, log;

-- name: claim
-- Begin the oldest queued job of a kind, or one certain job.
UPDATE core.job
SET state = 'running', started_at = coalesce(started_at, %(now)s), heartbeat_at = %(now)s,
    deadline_at = %(deadline)s, progress = '', done = NULL, total = NULL
WHERE id = (
    SELECT id FROM core.job
    WHERE state = 'queued' AND kind = %(kind)s AND id = coalesce(%(id)s::uuid, id)
    ORDER BY created_at, id FOR UPDATE SKIP LOCKED LIMIT 1
)
RETURNING id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
          finished_at, cancel_asked_at, progress, done, total, result, log;

-- name: beat
-- A sign of life of jobs that a process runs; what does not come back was closed.
UPDATE core.job SET heartbeat_at = %(now)s
WHERE id = ANY(%(ids)s) AND state = 'running'
RETURNING id, cancel_asked_at IS NOT NULL;

-- name: report
-- Progress and a line for the log, which keeps its newest part.
UPDATE core.job
SET heartbeat_at = %(now)s, progress = %(progress)s, done = %(done)s, total = %(total)s,
    log = right(log || %(line)s, 200000)
WHERE id = %(id)s AND state = 'running'
RETURNING cancel_asked_at IS NOT NULL;

-- name: add_line
UPDATE core.job SET heartbeat_at = %(now)s, log = right(log || %(line)s, 200000)
WHERE id = %(id)s AND state = 'running'
RETURNING cancel_asked_at IS NOT NULL;

-- name: end
UPDATE core.job SET state = %(state)s, finished_at = %(now)s, result = %(result)s
WHERE id = %(id)s AND state = 'running';

-- name: queue_again
-- The process that runs the job ends; the next one goes on.
UPDATE core.job SET state = 'queued', log = right(log || %(line)s, 200000)
WHERE id = %(id)s AND state = 'running';

-- name: cancel
-- A queued job ends here and now; the process that runs one is asked to end it.
UPDATE core.job
SET state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
    finished_at = CASE state WHEN 'queued' THEN %(now)s::timestamptz END,
    result = CASE state WHEN 'queued' THEN %(reason)s::text END,
    cancel_asked_at = coalesce(cancel_asked_at, %(now)s)
WHERE id = %(id)s AND state IN ('queued', 'running')
RETURNING id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
          finished_at, cancel_asked_at, progress, done, total, result, log;

-- name: wake
-- Tell every engine at the commit that there is a job to begin or to cancel.
SELECT pg_notify('core_job', '');

-- name: jobs
-- The newest first, without their logs.
SELECT id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
       finished_at, cancel_asked_at, progress, done, total, result, '' AS log
FROM core.job
WHERE kind = coalesce(%(kind)s::text, kind)
ORDER BY created_at DESC, id LIMIT %(limit)s;

-- name: latest_of_kinds
-- The newest job of each kind, without its log.
SELECT DISTINCT ON (kind)
       id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
       finished_at, cancel_asked_at, progress, done, total, result, '' AS log
FROM core.job ORDER BY kind, created_at DESC, id;

-- name: latest_about
-- The newest job of a kind about a subject.
SELECT id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
       finished_at, cancel_asked_at, progress, done, total, result, log
FROM core.job WHERE kind = %(kind)s AND subject = %(subject)s
ORDER BY created_at DESC, id LIMIT 1;

-- name: job
SELECT id, kind, subject, state, requested_by, created_at, started_at, heartbeat_at, deadline_at,
       finished_at, cancel_asked_at, progress, done, total, result, log
FROM core.job WHERE id = %(id)s;

-- name: holder
-- The kind of the job that holds a lock.
SELECT kind FROM core.job WHERE lock = %(lock)s AND state IN ('queued', 'running');

-- name: was_requested
-- Whether a job of a kind was requested within a time.
SELECT EXISTS (SELECT 1 FROM core.job
               WHERE kind = %(kind)s AND subject = coalesce(%(subject)s::text, subject)
                 AND created_at >= %(since)s AND created_at < %(until)s);

-- name: discard
-- A job that found nothing to do leaves no record.
DELETE FROM core.job WHERE id = %(id)s AND state = 'running';

-- name: forget
-- Remove the records of jobs that ended long ago.
DELETE FROM core.job WHERE finished_at < %(before)s;
