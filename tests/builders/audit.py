"""What is in the audit."""

from __future__ import annotations

from appliance.db.pool import Database


async def audited(database: Database) -> list[tuple[str, str, str]]:
    """Return actor, action and object of all that was recorded. `database` must be the owner's."""
    async with database.connection() as connection:
        rows = await connection.execute("SELECT actor, action, object FROM core.audit ORDER BY id")
        return [(row[0], row[1], row[2]) for row in await rows.fetchall()]


async def add_rows(database: Database, count: int, actor: str = "olga") -> None:
    """Add rows, the newest last, about units and people in turn. `database` must be the owner's."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.audit (at, actor, action, object_type, object_id, object)"
            " SELECT now() - make_interval(mins => %(count)s - n), %(actor)s,"
            " CASE n %% 2 WHEN 0 THEN 'unit.restart' ELSE 'person.lock' END,"
            " CASE n %% 2 WHEN 0 THEN 'unit' ELSE 'person' END, n::text, 'object ' || n"
            " FROM generate_series(1, %(count)s) AS n",
            {"count": count, "actor": actor},
        )
