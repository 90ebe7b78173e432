"""What is in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.audit.outage_notes import OutageNotes
from appliance.audit.report import Report
from appliance.audit.service import AuditLog
from appliance.audit.verification import Verifier
from appliance.core.clock import Clock, SystemClock
from appliance.db.pool import Connection, Database


def audit_log(database: Database, state: Path, clock: Clock | None = None) -> AuditLog:
    """Return the audit of a process whose notes are in the folder `state`."""
    return AuditLog(database, OutageNotes(state), clock or SystemClock(), patience=0.5)


async def verified(database: Database, state: Path) -> Report:
    """Verify the audit, with the anchors in a folder and without backups."""
    return await Verifier(database, state, state / "no-catalog.json", SystemClock()).verify()


@asynccontextmanager
async def tampering(database: Database) -> AsyncIterator[Connection]:
    """Lend a connection of the owner of the database who has switched the triggers off."""
    async with database.connection() as connection:
        await connection.execute("SET session_replication_role = replica")
        try:
            yield connection
        finally:
            await connection.execute("RESET session_replication_role")


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
