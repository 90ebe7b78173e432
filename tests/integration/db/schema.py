"""Describe everything in a database that the schema decides, as comparable text."""

from __future__ import annotations

import psycopg

_PARTS = (
    # Columns with types, defaults and nullability.
    """
    SELECT format('%s.%s.%s %s %s %s', n.nspname, c.relname, a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE n.nspname IN ('core', 'library', 'chat') AND a.attnum > 0 AND NOT a.attisdropped
    """,
    # Constraints and indexes in PostgreSQL's own words.
    """
    SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace::regnamespace::text IN ('core', 'library', 'chat')
    """,
    "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('core', 'library', 'chat')",
    # Views, functions, triggers.
    "SELECT viewname || definition FROM pg_views WHERE schemaname IN ('core', 'library', 'chat')",
    """
    SELECT pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace::regnamespace::text IN ('core', 'library', 'chat')
    """,
    """
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal
    """,
    # Who may do what.
    """
    SELECT format('%s %s %s', oid::regclass, relkind, relacl) FROM pg_class
    WHERE relnamespace::regnamespace::text IN ('core', 'library', 'chat')
    """,
    """
    SELECT format('%s %s %s', oid::regprocedure, proowner::regrole, proacl) FROM pg_proc
    WHERE pronamespace::regnamespace::text IN ('core', 'library', 'chat')
    """,
    """
    SELECT format('%s.%s %s', attrelid::regclass, attname, attacl) FROM pg_attribute
    WHERE attacl IS NOT NULL
    """,
    "SELECT format('%s %s', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'",
)


async def describe(address: str) -> list[str]:
    """Return sorted lines; two equal schemas give equal lists."""
    lines: list[str] = []
    async with await psycopg.AsyncConnection.connect(address) as connection:
        for part in _PARTS:
            cursor = await connection.execute(part)
            lines += [str(row[0]) for row in await cursor.fetchall()]
    return sorted(lines)
