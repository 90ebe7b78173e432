-- name: decisions
SELECT step, state, decided_at, decided_by FROM core.setup_step;

-- name: finish
-- A row only where the step was not done before.
INSERT INTO core.setup_step AS s (step, state, decided_at, decided_by)
VALUES (%(step)s, 'done', %(now)s, %(by)s)
ON CONFLICT (step) DO UPDATE SET state = 'done', decided_at = excluded.decided_at,
                                 decided_by = excluded.decided_by
WHERE s.state <> 'done' RETURNING step;

-- name: skip
-- What one operator has done, another one does not undo by skipping it.
INSERT INTO core.setup_step (step, state, decided_at, decided_by)
VALUES (%(step)s, 'skipped', %(now)s, %(by)s) ON CONFLICT (step) DO NOTHING RETURNING step;

-- name: begin_check
INSERT INTO core.setup_check (account_id, digest, started_at)
VALUES (%(account_id)s, %(digest)s, %(now)s) RETURNING id;

-- name: keep_result
UPDATE core.setup_check SET result = %(result)s WHERE id = %(id)s;

-- name: leftovers
-- Checks whose test document may still be there.
SELECT id, account_id, digest, started_at FROM core.setup_check
WHERE removed_at IS NULL AND started_at < %(before)s ORDER BY started_at;

-- name: mark_removed
UPDATE core.setup_check SET removed_at = %(now)s WHERE id = %(id)s;

-- name: latest_check
SELECT result FROM core.setup_check WHERE result IS NOT NULL ORDER BY started_at DESC LIMIT 1;

-- name: forget_checks
-- Only the latest one is shown.
DELETE FROM core.setup_check WHERE removed_at IS NOT NULL AND id <> %(id)s;
