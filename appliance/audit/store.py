"""Rows of the audit, and of its chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from appliance.audit.chain import ChainEnd, HashedEntry, Link, Mark
from appliance.audit.model import AuditEntry, AuditEvent, AuditFilter
from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.audit")


class AuditStore:
    """Reads and writes `core.audit`; the database links what is added, and refuses changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, actor: str, event: AuditEvent) -> None:
        """Add a row."""
        await self._connection.execute(_QUERIES["add"], _values(actor, event))

    async def add_note(
        self, actor: str, event: AuditEvent, note_id: UUID, happened_at: datetime | None
    ) -> None:
        """Add a row, unless the one of this note is there already."""
        note = {"note_id": note_id, "happened_at": happened_at}
        await self._connection.execute(_QUERIES["add_note"], _values(actor, event) | note)

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

    async def prune(self, days: int, most: int) -> int:
        """Remove the oldest rows that are older than some days, and record that; return how many.

        It removes up to `most` rows, so that others wait a moment only.
        """
        cursor = await self._connection.execute(_QUERIES["prune"], {"days": days, "most": most})
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


class ChainStore:
    """Reads the chain of the audit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self) -> None:
        """Let the transaction, which must not have read anything yet, see one state of the chain.

        Writers do not wait for it.
        """
        # Not in queries.sql: PostgreSQL cannot prepare it.
        await self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    async def start(self) -> Mark:
        """Return what the first link continues."""
        async with self._connection.cursor(row_factory=class_row(Mark)) as cursor:
            await cursor.execute(_QUERIES["start"])
            (found,) = await cursor.fetchall()
        return found

    async def exists(self) -> bool:
        """Whether the database has a chain: that of an earlier version has none."""
        return await self._first("has_chain") == (True,)

    async def end(self) -> ChainEnd:
        """Return the last link."""
        async with self._connection.cursor(row_factory=class_row(ChainEnd)) as cursor:
            await cursor.execute(_QUERIES["end"])
            (found,) = await cursor.fetchall()
        return found

    async def hash_at(self, position: int) -> bytes | None:
        """Return the hash at a position; None where there is no link."""
        row = await self._first("hash_at", position=position)
        return bytes(row[0]) if row else None

    async def links(self, *, after: int, limit: int) -> list[Link]:
        """Return links with their entries, in the order of their positions."""
        values = {"after": after, "limit": limit}
        cursor = await self._connection.execute(_QUERIES["links"], values)
        return [_link(row) for row in await cursor.fetchall()]

    async def without_link(self) -> tuple[int, int] | None:
        """Return the first entry that has no link, and how many there are; None without one."""
        row = await self._first("without_link")
        return (int(row[0]), int(row[1])) if row and row[1] else None

    async def _first(self, name: str, **values: object) -> Sequence[Any] | None:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return await cursor.fetchone()


def _values(actor: str, event: AuditEvent) -> dict[str, object]:
    return {
        "actor": actor,
        "action": str(event.action),
        "object_type": str(event.object_type),
        "object_id": event.object_id,
        "name": event.name or event.object_id,
        "detail": json.dumps(dict(event.detail)),
    }


def _link(row: Sequence[Any]) -> Link:
    position, entry_id, digest, *fields = row
    entry = HashedEntry(*fields) if fields[0] is not None else None
    return Link(position, entry_id, digest, entry)
