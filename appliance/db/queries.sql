-- name: schema_objects
-- A line for each object that the migrations make, in words that every version of PostgreSQL uses:
-- names, types and kinds, without the texts that PostgreSQL prints differently from one version to
-- the next. Indexes of vectors are made while Cloister runs.
WITH ours AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname IN ('core', 'library', 'chat')
), relation AS (
    SELECT c.oid, ours.nspname || '.' || c.relname AS name, c.relkind
    FROM pg_catalog.pg_class c JOIN ours ON ours.oid = c.relnamespace
)
SELECT 'extension ' || extname AS line FROM pg_catalog.pg_extension WHERE extname = 'vector'
UNION ALL
SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'v' THEN 'view ' ELSE 'sequence ' END || name
FROM relation WHERE relkind IN ('r', 'v', 'S')
UNION ALL
SELECT 'column ' || r.name || '.' || a.attname || ' '
       || pg_catalog.format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
       || CASE WHEN a.atthasdef OR a.attidentity <> '' THEN ' default' ELSE '' END
FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'v')
UNION ALL
SELECT 'index ' || r.name || ' on ' || t.name || CASE WHEN i.indisunique THEN ' unique' ELSE '' END
       || CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE ' unusable' END
FROM pg_catalog.pg_index i
JOIN relation r ON r.oid = i.indexrelid JOIN relation t ON t.oid = i.indrelid
UNION ALL
SELECT 'constraint ' || r.name || ' ' || o.conname || ' ' || o.contype::text
       || CASE WHEN o.convalidated THEN '' ELSE ' not validated' END
FROM pg_catalog.pg_constraint o JOIN relation r ON r.oid = o.conrelid
WHERE o.contype IN ('c', 'f', 'p', 'u')
UNION ALL
SELECT 'trigger ' || r.name || ' ' || g.tgname
       || CASE WHEN g.tgenabled = 'O' THEN '' ELSE ' disabled' END
FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'function ' || ours.nspname || '.' || p.proname
       || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ') ' || md5(p.prosrc)
FROM pg_catalog.pg_proc p JOIN ours ON ours.oid = p.pronamespace;

-- name: page_checksums
-- What PostgreSQL counts of pages whose checksum did not fit, over all databases.
SELECT pg_catalog.current_setting('data_checksums') = 'on' AS are_on,
       coalesce(sum(checksum_failures), 0)::bigint AS failures,
       max(checksum_last_failure) AS last_failure
FROM pg_catalog.pg_stat_database;
