-- name: hashed_tables
-- The tables with data of ours, and their columns in order. `types` names the types of vectors.
SELECT n.nspname AS schema, c.relname AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(coalesce(t.typname, '')::text ORDER BY a.attnum) AS types
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typname IN ('halfvec', 'vector')
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
  AND (n.nspname IN ('core', 'library', 'chat') OR (n.nspname, c.relname) = ('public', 'migration'))
GROUP BY n.nspname, c.relname ORDER BY n.nspname, c.relname;

-- name: table_sum
-- Order does not matter to a sum: a restored table has its rows in another one.
SELECT count(*) AS rows, coalesce(sum(hashtextextended(ROW({columns})::text, 7)), 0) AS sum
FROM {table};

-- name: plain_texts
-- Let the text of a value be the same on every machine, until the transaction ends.
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
       set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true),
       set_config('extra_float_digits', '1', true), set_config('xmlbinary', 'base64', true);

-- name: export_snapshot
-- Lets pg_dump see exactly what this transaction sees.
SELECT pg_export_snapshot();

-- name: database_facts
SELECT (SELECT max(number) FROM public.migration)                 AS schema,
       current_setting('server_version_num')::integer / 10000     AS postgres,
       pg_database_size(current_database())                       AS size,
       (SELECT count(*) FROM core.account)                        AS people,
       (SELECT count(*) FROM library.document)                    AS documents,
       (SELECT count(*) FROM chat.conversation)                   AS conversations,
       transaction_timestamp()                                    AS taken_at;

-- name: extensions
SELECT extname::text, extversion FROM pg_catalog.pg_extension ORDER BY extname;

-- name: stored_files
-- The files that documents have. `is_missing` says that a document records its file as missing.
SELECT digest, max(size) AS size, bool_or(coalesce(error_code, '') = %(missing)s) AS is_missing
FROM library.document GROUP BY digest ORDER BY digest;

-- name: still_used
SELECT DISTINCT digest FROM library.document WHERE digest = ANY(%(digests)s::text[]);

-- name: size_of_dump
-- About how large a dump of tables is: texts take the room of their table, with what a page and a
-- column cost; numbers of a vector are six times as long in text as two bytes each.
SELECT coalesce(sum(pg_table_size(name::regclass)
                    * CASE name WHEN 'library.embedding' THEN 6 ELSE 1.2 END), 0)::bigint
FROM unnest(%(tables)s::text[]) AS name;
