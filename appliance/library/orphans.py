"""Delete files that no document uses, soon and safely beside uploads of the same content.

Whoever adds a file with its row, or removes one, holds the lock on the digest meanwhile. An
upload puts the file in place and commits the row under the lock, so a file without a row under
the lock is a file that nobody will use.
"""

from __future__ import annotations

import asyncio
import logging

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database
from appliance.library.blobs import Blobs, is_digest
from appliance.library.store import DocumentStore

_LOG = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
_RETRY_SECONDS = 1.0
_FAILED_PAUSE = 60.0


class Sweeper:
    """Keeps the folder free of what nobody uses: at the start, each hour, and when rows go.

    Whoever removes documents tells `library_removed` at the commit, with a digest or without.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled. A disk that fails is named once, and tried again."""
        told = False
        while True:
            try:
                async with self._database.connection() as connection:
                    await DocumentStore(connection).listen_for_removals()
                    while True:
                        await sweep(self._database, self._blobs)
                        told = False
                        async for note in connection.notifies(timeout=EVERY_SECONDS):
                            await self._remove(note.payload)
            except DatabaseUnavailableError:
                await self._clock.sleep(_RETRY_SECONDS)
            except OSError as error:
                if not told:
                    _LOG.warning("files that nobody uses stay for now: %s", error)
                    told = True
                await self._clock.sleep(_FAILED_PAUSE)

    async def _remove(self, digest: str) -> None:
        if is_digest(digest):
            await remove_unused(self._database, self._blobs, digest)
        else:
            await sweep(self._database, self._blobs)


async def remove_unused(database: Database, blobs: Blobs, digest: str) -> bool:
    """Delete one file unless a document uses it; return whether it was deleted."""
    async with database.transaction() as connection:
        store = DocumentStore(connection)
        await store.lock_digest(digest)
        if await store.digest_is_used(digest):
            return False
        await blobs.remove(digest)
        return True


async def sweep(database: Database, blobs: Blobs) -> None:
    """Delete what nobody uses: of uploads and deletions that broke off, of people who are gone."""
    abandoned = await asyncio.to_thread(blobs.sweep_incoming)
    digests = await asyncio.to_thread(lambda: list(blobs.digests()))
    async with database.connection() as connection:
        suspects = await DocumentStore(connection).unused_digests(digests)
    unused = 0
    for digest in suspects:
        unused += await remove_unused(database, blobs, digest)
    if abandoned or unused:
        _LOG.info("swept %d broken-off uploads and %d unused files", abandoned, unused)
