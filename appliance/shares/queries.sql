-- name: wait_for_turn
-- Wait until no other connection holds the lock, in the order of arrival; then hold it.
SELECT pg_advisory_lock(hashtextextended('cloister.turn.' || %(name)s, 0));

-- name: end_turn
-- Give the lock to the connection that has waited longest.
SELECT pg_advisory_unlock(hashtextextended('cloister.turn.' || %(name)s, 0));

-- name: take_place
-- Lock the first free place of an account, but for those that this connection has. The offset keeps
-- the two conditions apart: a place that it has would be locked a second time.
SELECT number FROM (
    SELECT number FROM generate_series(1, %(most)s) AS number
    WHERE number <> ALL(%(held)s::integer[]) OFFSET 0
) AS place
WHERE pg_try_advisory_lock(hashtextextended('cloister.place.' || %(account)s || '.' || number, 0))
LIMIT 1;

-- name: free_place
-- Unlock a place.
SELECT pg_advisory_unlock(hashtextextended('cloister.place.' || %(account)s || '.' || %(number)s, 0));
