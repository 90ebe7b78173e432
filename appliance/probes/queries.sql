-- name: answer
-- The least that a server can be asked.
SELECT 1;
