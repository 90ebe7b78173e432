"""Take documents from the queue, read them, and put every outcome on their rows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database
from appliance.ingest.errors import NoRoomError, ReaderDiedError, ReadingFailedError
from appliance.ingest.model import Lease
from appliance.ingest.reading import ClaimLostError, Reader
from appliance.ingest.store import IngestStore
from appliance.library.errors import DocumentError
from appliance.library.model import DocumentState, Fault

_LOG = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
POLL_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_MOST_LOSSES = 20


class Worker:
    """One instance of the ingest process: `parallel` documents at a time.

    An instance lives as long as it holds the lock of its name on a connection of its own, so
    another one, or the next start, knows at once that a reader is gone, however it ended.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        instance: str,
        clock: Clock,
        *,
        parallel: int = 2,
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._reader = reader
        self._instance = instance
        self._clock = clock
        self._parallel = parallel
        self._when_ready = when_ready
        self._wake = asyncio.Event()
        self._alive = asyncio.Event()
        self._lost: Counter[UUID] = Counter()
        self._full = False

    async def run(self) -> None:
        """Work until cancelled; what is being read then goes back into the queue."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live(), name="ingest-live")
            for number in range(self._parallel):
                tasks.create_task(self._work(), name=f"ingest-reader-{number}")

    async def queue_length(self) -> int:
        """Return how many documents are not finished."""
        async with self._database.connection() as connection:
            return await IngestStore(connection).queue_length()

    async def _live(self) -> None:
        """Hold the lock of the instance, recover what the dead left, and hear of new documents."""
        told = False
        while True:
            try:
                async with self._database.connection() as connection:
                    store = IngestStore(connection)
                    if await store.hold_instance(self._instance):
                        await store.listen()
                        told = False
                        self._alive.set()
                        while True:
                            await self._recover()
                            self._wake.set()
                            async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                                pass
            except DatabaseUnavailableError as error:
                if not told:
                    _LOG.warning("waiting for the database: %s", error.__cause__)
                    told = True
            finally:
                self._alive.clear()
            await self._clock.sleep(_RETRY_SECONDS)

    async def _recover(self) -> None:
        died = ReaderDiedError(attempts=MOST_ATTEMPTS)
        async with self._database.transaction() as connection:
            recovered = await IngestStore(connection).recover(
                self._instance, MOST_ATTEMPTS, _fault(died)
            )
        for _, state in recovered:
            _LOG.warning("a document whose reader had ended is now %s", state)

    async def _work(self) -> None:
        while True:
            await self._alive.wait()
            self._wake.clear()
            claim = await self._claim() if await self._has_room() else None
            if claim is not None:
                # There may be more: let the other readers look, too.
                self._wake.set()
                await self._read(claim)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _has_room(self) -> bool:
        """Look at the disk before a document is taken; say once that the queue waits for room."""
        full = not await self._reader.has_room()
        if full and not self._full:
            _LOG.warning(NoRoomError.sentence)
        elif self._full and not full:
            _LOG.info("there is room on the disk again: documents are read")
        self._full = full
        return not full

    async def _claim(self) -> Lease | None:
        try:
            async with self._database.connection() as connection:
                return await IngestStore(connection).claim(self._instance)
        except DatabaseUnavailableError:
            await self._clock.sleep(_RETRY_SECONDS)
            return None

    async def _read(self, claim: Lease) -> None:
        try:
            await self._reader.read(claim)
            self._when_ready()
        except ClaimLostError:
            _LOG.info("document %s was deleted while it was read", claim.id)
        except DatabaseUnavailableError:
            await self._until_saved(partial(self._give_back, claim))
        except asyncio.CancelledError:
            with contextlib.suppress(DatabaseUnavailableError):
                await asyncio.shield(self._release(claim))
            raise
        except DocumentError as error:
            await self._until_saved(partial(self._fail, claim, error))
        except Exception:  # noqa: BLE001 - one document must not end the reading of all others
            _LOG.exception("document %s could not be read", claim.id)
            await self._until_saved(partial(self._fail, claim, ReadingFailedError()))

    async def _until_saved(self, save: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(DatabaseUnavailableError):
                return await save()
            await self._clock.sleep(_RETRY_SECONDS)

    async def _give_back(self, claim: Lease) -> None:
        """Try again later, unless it seems to be this document that the database dies of."""
        self._lost[claim.id] += 1
        if self._lost[claim.id] < _MOST_LOSSES:
            await self._release(claim)
        else:
            await self._fail(claim, ReadingFailedError())

    async def _release(self, claim: Lease) -> None:
        async with self._database.connection() as connection:
            await IngestStore(connection).release(claim.id, self._instance)

    async def _fail(self, claim: Lease, error: DocumentError) -> None:
        state = DocumentState.QUARANTINED if error.quarantine else DocumentState.FAILED
        _LOG.info("document %s is %s: %s", claim.id, state, error.code)
        async with self._database.connection() as connection:
            await IngestStore(connection).fail(claim.id, self._instance, state, _fault(error))


def _fault(error: DocumentError) -> Fault:
    return Fault(error.code, error.message, error.advice)
