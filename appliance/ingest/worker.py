"""Lease documents from the queue, have them read, and store every outcome on their rows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.listen import listen
from appliance.db.pool import Database
from appliance.ingest.errors import ParserKilledError, ReaderDiedError, ReadingFailedError
from appliance.ingest.model import Lease
from appliance.ingest.pipeline import LeaseLostError, Pipeline
from appliance.ingest.store import IngestStore
from appliance.library.errors import DocumentError
from appliance.library.model import DocumentState, Fault

_LOG = logging.getLogger(__name__)

# Ends of ingest, or of a parser by a signal from outside, while a document was read alone.
MOST_ATTEMPTS = 3
POLL_SECONDS = 5.0
_CHANNEL = "library_queued"
_RETRY_SECONDS = 1.0
_MOST_LOSSES = 20


class Worker:
    """One instance of the ingest process: reads `parallel` documents at a time.

    An instance holds an advisory lock on its name while it is alive, on a connection kept for
    that. Another instance, or the next start, sees at once that it has ended, however it ended.
    """

    def __init__(
        self,
        database: Database,
        pipeline: Pipeline,
        instance: str,
        clock: Clock,
        *,
        parallel: int = 2,
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._instance = instance
        self._clock = clock
        self._parallel = parallel
        self._when_ready = when_ready
        self._wake = asyncio.Event()
        # Two leases at once would not see each other's document, and one may have to be alone.
        self._leasing = asyncio.Lock()
        self._alive = asyncio.Event()
        self._lost: Counter[UUID] = Counter()
        self._full = False

    async def run(self) -> None:
        """Work until cancelled; documents that are being read then return to the queue."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live(), name="ingest-live")
            for number in range(self._parallel):
                tasks.create_task(self._work(), name=f"ingest-pipeline-{number}")

    async def queue_length(self) -> int:
        """Return how many documents are not finished."""
        async with self._database.connection() as connection:
            return await IngestStore(connection).queue_length()

    async def _live(self) -> None:
        """Hold the instance's lock, recover abandoned leases, and wait for notifications."""
        is_reported = False
        while True:
            try:
                async with self._database.held_connection() as connection:
                    store = IngestStore(connection)
                    if await store.hold_instance(self._instance):
                        await listen(connection, _CHANNEL)
                        is_reported = False
                        self._alive.set()
                        while True:
                            await self._recover()
                            self._wake.set()
                            async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                                pass
            except DatabaseUnavailableError as error:
                if not is_reported:
                    _LOG.warning("reading paused: database unavailable: %s", error.__cause__)
                    is_reported = True
            finally:
                self._alive.clear()
            await self._clock.sleep(_RETRY_SECONDS)

    async def _recover(self) -> None:
        async with self._database.transaction() as connection:
            store = IngestStore(connection)
            await self._interrupt(store, await store.abandoned(self._instance))

    async def _interrupt(self, store: IngestStore, documents: Sequence[UUID]) -> None:
        died = _fault(ReaderDiedError(attempts=MOST_ATTEMPTS))
        for document, state in await store.interrupt(documents, MOST_ATTEMPTS, died):
            _LOG.warning("reading interrupted: document=%s state=%s", document, state)

    async def _work(self) -> None:
        while True:
            await self._alive.wait()
            self._wake.clear()
            lease = await self._lease() if await self._has_room() else None
            if lease is not None:
                # There may be more documents: wake the other readers as well.
                self._wake.set()
                await self._read(lease)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _has_room(self) -> bool:
        """Check the disk before a document is leased; log each change once."""
        full = not await self._pipeline.has_room()
        if full and not self._full:
            _LOG.warning("reading paused: the disk is nearly full")
        elif self._full and not full:
            _LOG.info("reading resumed: the disk has room again")
        self._full = full
        return not full

    async def _lease(self) -> Lease | None:
        try:
            async with self._leasing, self._database.connection() as connection:
                return await IngestStore(connection).lease(self._instance)
        except DatabaseUnavailableError:
            await self._clock.sleep(_RETRY_SECONDS)
            return None

    async def _read(self, lease: Lease) -> None:
        try:
            await self._pipeline.read(lease)
            self._when_ready()
        except LeaseLostError:
            _LOG.info("document deleted while it was read: document=%s", lease.id)
        except DatabaseUnavailableError:
            await self._until_saved(partial(self._give_back, lease))
        except asyncio.CancelledError:
            with contextlib.suppress(DatabaseUnavailableError):
                await asyncio.shield(self._release(lease))
            raise
        except ParserKilledError:
            await self._until_saved(partial(self._count_death, lease))
        except DocumentError as error:
            await self._until_saved(partial(self._fail, lease, error))
        except Exception:  # noqa: BLE001 - one document must not stop the worker
            _LOG.exception("reading failed: document=%s", lease.id)
            await self._until_saved(partial(self._fail, lease, ReadingFailedError()))

    async def _until_saved(self, save: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(DatabaseUnavailableError):
                return await save()
            await self._clock.sleep(_RETRY_SECONDS)

    async def _give_back(self, lease: Lease) -> None:
        """Queue it again, unless the database was lost over this document too often."""
        self._lost[lease.id] += 1
        if self._lost[lease.id] < _MOST_LOSSES:
            await self._release(lease)
        else:
            await self._fail(lease, ReadingFailedError())

    async def _release(self, lease: Lease) -> None:
        async with self._database.connection() as connection:
            await IngestStore(connection).release(lease.id, self._instance)

    async def _count_death(self, lease: Lease) -> None:
        """Queue it again: what killed the parser, such as a lack of memory, may be another's."""
        async with self._database.transaction() as connection:
            store = IngestStore(connection)
            if await store.hold_lease(lease.id, self._instance):
                await self._interrupt(store, [lease.id])

    async def _fail(self, lease: Lease, error: DocumentError) -> None:
        state = DocumentState.QUARANTINED if error.quarantine else DocumentState.FAILED
        _LOG.info("reading failed: document=%s state=%s code=%s", lease.id, state, error.code)
        async with self._database.connection() as connection:
            await IngestStore(connection).fail(lease.id, self._instance, state, _fault(error))


def _fault(error: DocumentError) -> Fault:
    return Fault(error.code, error.message, error.advice)
