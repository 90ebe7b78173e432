"""What stands in the audit."""

from __future__ import annotations

from appliance.db.pool import Database


async def audited(database: Database) -> list[tuple[str, str, str]]:
    """Return actor, action and object of all that was recorded. `database` must be the owner's."""
    async with database.connection() as connection:
        rows = await connection.execute("SELECT actor, action, object FROM core.audit ORDER BY id")
        return [(row[0], row[1], row[2]) for row in await rows.fetchall()]
