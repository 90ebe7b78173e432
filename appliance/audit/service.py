"""Record what is done, and read what was done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from uuid import uuid4

import psycopg

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import AuditEntry, AuditEvent, AuditFilter
from appliance.audit.outage_notes import Note, OutageNotes
from appliance.audit.store import AuditStore
from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import OPERATION_SECONDS, Connection, Database

logger = logging.getLogger(__name__)

PAGE_SIZE = 50
# An export reads so many rows at a time, and holds no connection while the reader takes them.
_PIECE = 500
_PATIENCE_SECONDS = 2.0
# How many entries retention removes in one transaction.
_PRUNED_AT_ONCE = 10_000


async def record(connection: Connection, actor: Actor, event: AuditEvent) -> None:
    """Record an operation in the transaction that does it: both happen, or neither."""
    await AuditStore(connection).add(actor.name, event)


class AuditLog:
    """Records what has no transaction of its own, and answers questions about the audit."""

    def __init__(
        self,
        database: Database,
        notes: OutageNotes,
        clock: Clock,
        *,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._notes = notes
        self._clock = clock
        self._patience = patience

    async def note(self, actor: Actor, event: AuditEvent) -> None:
        """Record an operation that is done whether or not the database answers.

        Use it before the operation: that may be to stop the database. It never fails and takes at
        most two seconds for the database; what cannot be recorded is kept in a file and added
        later, and goes to the log if that is full or cannot be written.
        """
        note = Note(uuid4(), self._clock.now(), actor.name, event)
        try:
            async with asyncio.timeout(self._patience), self._database.connection() as connection:
                await AuditStore(connection).add_note(actor.name, event, note.id, None)
        except (DatabaseUnavailableError, TimeoutError, psycopg.Error) as error:
            await self._keep(note, type(error).__name__)

    async def add_notes(self) -> int:
        """Add what was kept while the database was down, and return how much that was.

        It may be tried again at any time. Raises DatabaseUnavailableError and OSError.
        """
        notes = await self._notes.notes()
        for note in notes:
            try:
                async with self._database.connection() as connection:
                    store = AuditStore(connection)
                    await store.add_note(note.actor, note.event, note.id, note.happened_at)
            except psycopg.DataError as error:
                # Tried again, it would keep all later ones waiting.
                _log(note, "not written", type(error).__name__)
        if notes:
            await self._notes.remove({note.id for note in notes})
            logger.info("audit entries of an outage added: count=%d", len(notes))
        return len(notes)

    async def prune(self, days: int) -> int:
        """Remove entries that are older than some days, and return how many.

        The audit says so itself, with what the rest of the chain continues.
        """
        removed = 0
        while True:
            async with self._database.connection(limit=OPERATION_SECONDS) as connection:
                found = await AuditStore(connection).prune(days, _PRUNED_AT_ONCE)
            removed += found
            if found < _PRUNED_AT_ONCE:
                return removed

    async def _keep(self, note: Note, reason: str) -> None:
        """Keep a note in the file, or at least in the log."""
        try:
            is_kept = await self._notes.keep(note)
        except OSError as error:
            is_kept, reason = False, f"{reason}, {error.strerror}"
        _log(note, "written later" if is_kept else "not written", reason)

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


def _log(note: Note, state: str, reason: str) -> None:
    logger.warning(
        "audit %s: actor=%r action=%s object=%r reason=%s",
        state,
        note.actor,
        note.event.action,
        note.event.name or note.event.object_id,
        reason,
    )
