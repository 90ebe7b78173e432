"""Keep the supervisor's anchor up to date, and add what was noted while the database was down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from appliance.actors.model import System
from appliance.audit.anchor import OWN, Anchor, AnchorFile
from appliance.audit.chain import ChainEnd, Mark
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog, record
from appliance.audit.store import ChainStore
from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.listen import Listener
from appliance.db.pool import Database

logger = logging.getLogger(__name__)

CHANNEL = "core_audit"
# An entry whose notice was lost, and the end of an outage, are found after this time.
POLL_SECONDS = 30.0
# Many entries at once are anchored together.
_PAUSE = 0.2
_MIGRATING_SECONDS = 1.0


@dataclass(slots=True)
class AuditKeeper:
    """Works while the block lasts: `async with AuditKeeper(...)`.

    An anchor is replaced only by one that continues it. Otherwise it stays, as the proof of what
    was there, and `verify` is called once. `is_migrated` says whether the database has its tables.
    """

    database: Database
    anchors: AnchorFile
    log: AuditLog
    clock: Clock
    verify: Callable[[], Coroutine[Any, Any, object]]
    is_migrated: Callable[[], bool] = lambda: True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _fault: str = ""
    _broken: Mark | None = None

    async def __aenter__(self) -> Self:
        for work in (self._follow(), self._listen()):
            self._tasks.append(asyncio.create_task(work, name="audit keeper"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def keep(self) -> None:
        """Add what was noted, and anchor the end of the chain.

        Raises DatabaseUnavailableError, psycopg.Error and OSError.
        """
        await self.log.add_notes()
        known = await asyncio.to_thread(self.anchors.read)
        async with self.database.connection() as connection:
            chain = ChainStore(connection)
            end = await chain.end()
            own = next((one for one in known if one.end.cluster == end.cluster), None)
            continues = own is None or await chain.hash_at(own.end.position) == own.end.hash
            if known and known[0].end.cluster != end.cluster and continues:
                await record(connection, System(), _exchanged(known[0]))
                end = await chain.end()
        if not continues and own is not None and not await self._is_pruned(own, end):
            return await self._report(own, end)
        if own is None or own is not known[0] or own.end != end:
            anchor = Anchor(end, self.clock.now(), OWN)
            await asyncio.to_thread(self.anchors.write, anchor)
        self._broken = None
        return None

    async def _is_pruned(self, own: Anchor, end: ChainEnd) -> bool:
        """Whether retention has removed the link of the anchor, and the chain goes on after it."""
        async with self.database.connection() as connection:
            start = await ChainStore(connection).start()
        return own.end.position < start.position <= end.position

    async def _report(self, own: Anchor, end: ChainEnd) -> None:
        if self._broken != own.end.mark:
            self._broken = own.end.mark
            logger.error(
                "the audit is not the one that was anchored: position=%d end=%d at=%s",
                own.end.position,
                end.position,
                own.at.isoformat(),
            )
            await self.verify()

    async def _follow(self) -> None:
        """Work at the start, at each notice and at intervals; no failure ends the task."""
        while True:
            while not self.is_migrated():
                await self.clock.sleep(_MIGRATING_SECONDS)
            self._wake.clear()
            fault = ""
            try:
                await self.keep()
            except DatabaseUnavailableError:
                # Other parts of the process say so.
                pass
            except (psycopg.Error, OSError) as error:
                fault = repr(error)
            except Exception as error:  # noqa: BLE001 - the next anchor must be made
                fault = repr(error)
            if fault and fault != self._fault:
                logger.warning("the audit is not anchored: %s", fault)
            self._fault = fault
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            await self.clock.sleep(_PAUSE)

    async def _listen(self) -> None:
        notices = Listener(self.database.address, CHANNEL, self.clock)
        async with contextlib.aclosing(notices.heard()) as heard:
            async for _ in heard:
                self._wake.set()


def _exchanged(former: Anchor) -> AuditEvent:
    """Return the event of a database in the place of the one that was there before."""
    detail: dict[str, str | int] = {
        "former_position": former.end.position,
        "former_hash": former.end.hash.hex(),
    }
    return AuditEvent(Action.DATABASE_EXCHANGE, ObjectType.DATABASE, detail=detail)
