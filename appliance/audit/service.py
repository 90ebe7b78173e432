"""Record what is done, and read what was done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import psycopg

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import AuditEntry, AuditEvent, AuditFilter
from appliance.audit.store import AuditStore
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Connection, Database

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
# An export reads so many rows at a time, and holds no connection while the reader takes them.
_PIECE = 500
_PATIENCE_SECONDS = 2.0


async def record(connection: Connection, actor: Actor, event: AuditEvent) -> None:
    """Record an operation in the transaction that does it: both happen, or neither."""
    await AuditStore(connection).add(actor.name, event)


class AuditLog:
    """Records what has no transaction of its own, and answers questions about the audit."""

    def __init__(self, database: Database, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._database = database
        self._patience = patience

    async def note(self, actor: Actor, event: AuditEvent) -> None:
        """Record an operation that is done whether or not the database answers.

        Use it before the operation: that may be to stop the database. It never fails and takes at
        most two seconds; what cannot be recorded goes to the log of the process.
        """
        try:
            async with asyncio.timeout(self._patience), self._database.connection() as connection:
                await record(connection, actor, event)
        except (DatabaseUnavailableError, TimeoutError, psycopg.Error) as error:
            logger.warning(
                "audit not written: actor=%r action=%s object=%r reason=%s",
                actor.name,
                event.action,
                event.name or event.object_id,
                type(error).__name__,
            )

    async def entries(
        self,
        actor: Actor,
        chosen: AuditFilter,
        *,
        before: int | None = None,
        limit: int = PAGE_SIZE,
    ) -> list[AuditEntry]:
        """Return what was done, newest first; `before` is the id of the last row that one has.

        Raises ForbiddenError.
        """
        actor.require(Permission.READ_AUDIT)
        async with self._database.connection() as connection:
            return await AuditStore(connection).entries(chosen, before=before, limit=limit)

    async def actors(self, actor: Actor) -> list[str]:
        """Return the names to choose from in a filter. Raises ForbiddenError."""
        actor.require(Permission.READ_AUDIT)
        async with self._database.connection() as connection:
            return await AuditStore(connection).actors()

    async def export(
        self, actor: Actor, chosen: AuditFilter
    ) -> AsyncGenerator[list[AuditEntry], None]:
        """Yield all rows, newest first, in pieces that fit into memory. Raises ForbiddenError."""
        before: int | None = None
        while piece := await self.entries(actor, chosen, before=before, limit=_PIECE):
            yield piece
            before = piece[-1].id
