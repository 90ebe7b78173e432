"""Rows of the audit."""

from __future__ import annotations

import json
from dataclasses import asdict

from psycopg.rows import class_row

from appliance.audit.model import AuditEntry, AuditEvent, AuditFilter
from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.audit")


class AuditStore:
    """Reads and writes `core.audit`; rows are never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, actor: str, event: AuditEvent) -> None:
        """Add a row."""
        values = {
            "actor": actor,
            "action": str(event.action),
            "object_type": str(event.object_type),
            "object_id": event.object_id,
            "name": event.name or event.object_id,
            "detail": json.dumps(dict(event.detail)),
        }
        await self._connection.execute(_QUERIES["add"], values)

    async def entries(
        self, chosen: AuditFilter, *, before: int | None, limit: int
    ) -> list[AuditEntry]:
        """Return rows, newest first: those older than `before`, or the newest."""
        async with self._connection.cursor(row_factory=class_row(AuditEntry)) as cursor:
            await cursor.execute(
                _QUERIES["entries"], asdict(chosen) | {"before": before, "limit": limit}
            )
            return await cursor.fetchall()

    async def actors(self) -> list[str]:
        """Return every name that the audit has as an actor."""
        cursor = await self._connection.execute(_QUERIES["actors"])
        return [str(actor) for (actor,) in await cursor.fetchall()]
