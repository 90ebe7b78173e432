"""Compare stored files with their digests, and rows with what they promise.

What does not hold is recorded on the documents as the reason why they failed, so that members and
operators see it where they see every other failure, with what to do about it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Connection, Database
from appliance.library.blobs import Blobs
from appliance.library.errors import DocumentError, FileDamagedError, FileMissingError
from appliance.library.integrity_store import IntegrityStore
from appliance.library.model import RecordedFaults, StoredRow
from appliance.library.store import DocumentStore
from appliance.library.stored_file import FileFacts, StoredFile

_LOG = logging.getLogger(__name__)

# Each file is verified at least this often.
VERIFIED_WITHIN = timedelta(days=30)
# How many files, and how many documents with their pages and chunks, one statement looks at.
_FILES = 500
_DOCUMENTS = 50
_BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Compared:
    """A file that documents have, what is on the disk, and the fault that the two show."""

    row: StoredRow
    facts: FileFacts | None
    fault: DocumentError | None


class Integrity:
    """Verifies what was kept, and records faults and their repair."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    @asynccontextmanager
    async def reading(
        self, digest: str, size: int, *, executor: Executor | None = None
    ) -> AsyncIterator[StoredFile]:
        """Lend a stored file; a fault that shows while it is read is recorded.

        Raises FileMissingError or FileDamagedError, also inside the block.
        """
        facts = await self._blobs.facts(digest)
        try:
            async with self._blobs.reading(digest, size, executor=executor) as file:
                yield file
        except (FileMissingError, FileDamagedError) as fault:
            try:
                await self.record(digest, facts, fault)
            except DatabaseUnavailableError:
                _LOG.warning("fault not recorded, database unavailable: fault=%s", fault.code)
            raise

    async def record(
        self, digest: str, facts: FileFacts | None, fault: DocumentError | None
    ) -> None:
        """Record what was found of the file with these facts, unless another file replaced it."""
        async with self._database.transaction() as connection:
            await DocumentStore(connection).lock_digest(digest)
            if await self._blobs.facts(digest) != facts:
                return
            if fault is None:
                await restore(connection, digest)
                return
            store = IntegrityStore(connection)
            await store.set_verified(digest)
            for document in await store.fail_file(digest, fault):
                _LOG.error("stored file is faulty: document=%s fault=%s", document, fault.code)

    async def compare_files(self) -> AsyncGenerator[Compared, None]:
        """Compare each row with the file that it names, by presence and size."""
        after = ""
        while True:
            async with self._database.connection() as connection:
                rows = await IntegrityStore(connection).stored_files(after, _FILES)
            if not rows:
                return
            found = await self._blobs.all_facts([row.digest for row in rows])
            for row, facts in zip(rows, found, strict=True):
                yield Compared(row, facts, _fault(row, facts))
            after = rows[-1].digest

    async def compare_index(self) -> AsyncGenerator[list[UUID], None]:
        """Yield the documents that lack pages or chunks, part by part."""
        after = _BEFORE_ALL
        while True:
            async with self._database.connection() as connection:
                rows = await IntegrityStore(connection).index_rows(after, _DOCUMENTS)
            if not rows:
                return
            yield [row.id for row in rows if not row.is_complete]
            after = rows[-1].id

    async def fail_incomplete(self, documents: list[UUID]) -> int:
        """Record on documents that they lack pages or chunks; return on how many."""
        async with self._database.connection() as connection:
            failed = await IntegrityStore(connection).fail_incomplete(documents)
        for document in failed:
            _LOG.error("pages or chunks are missing: document=%s", document)
        return len(failed)

    async def due(self, age: timedelta) -> StoredRow | None:
        """Return the file whose verification is longest ago, if longer than `age`."""
        async with self._database.connection() as connection:
            return await IntegrityStore(connection).due_file(age)

    async def count_due(self, age: timedelta) -> int:
        """Return how many files were verified longer ago than `age`."""
        async with self._database.connection() as connection:
            return await IntegrityStore(connection).count_due(age)

    async def recorded(self) -> RecordedFaults:
        """Count the faults that are recorded, and the files whose verification is overdue."""
        async with self._database.connection() as connection:
            return await IntegrityStore(connection).recorded_faults(VERIFIED_WITHIN)


async def restore(connection: Connection, digest: str) -> list[UUID]:
    """Record that a file is whole; return the documents that had failed because of it.

    The caller holds the lock on the digest.
    """
    store = IntegrityStore(connection)
    await store.set_verified(digest)
    restored = await store.restore_file(digest)
    for document in restored:
        _LOG.info("stored file is whole again: document=%s", document)
    return restored


def _fault(row: StoredRow, facts: FileFacts | None) -> DocumentError | None:
    if facts is None:
        return FileMissingError()
    return FileDamagedError() if facts.size != row.size else None
