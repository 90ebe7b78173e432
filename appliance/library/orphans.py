"""Delete orphans: files that no document uses.

Uploads and deletions hold a lock on the digest. An upload puts the file in place and commits the
row under this lock; a file that has no row while the lock is held is therefore an orphan.
"""

from __future__ import annotations

import asyncio
import logging

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.listen import listen
from appliance.db.pool import Database
from appliance.library.blobs import Blobs, is_digest
from appliance.library.store import DocumentStore

_LOG = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
_CHANNEL = "library_removed"
_RETRY_SECONDS = 1.0
_FAILED_PAUSE = 60.0


class Sweeper:
    """Deletes orphans: at the start, each hour, and when documents are deleted.

    Each deletion notifies `library_removed` at the commit, with a digest, or without one if the
    deletion may concern several documents.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled. A failing disk is logged once and retried."""
        is_reported = False
        while True:
            try:
                async with self._database.held_connection() as connection:
                    await listen(connection, _CHANNEL)
                    while True:
                        await sweep(self._database, self._blobs)
                        is_reported = False
                        async for note in connection.notifies(timeout=EVERY_SECONDS):
                            await self._remove(note.payload)
            except DatabaseUnavailableError:
                await self._clock.sleep(_RETRY_SECONDS)
            except OSError as error:
                if not is_reported:
                    _LOG.warning("orphans not deleted, retrying: %s", error)
                    is_reported = True
                await self._clock.sleep(_FAILED_PAUSE)

    async def _remove(self, digest: str) -> None:
        if is_digest(digest):
            await remove_unused(self._database, self._blobs, digest)
        else:
            await sweep(self._database, self._blobs)


async def remove_unused(database: Database, blobs: Blobs, digest: str) -> bool:
    """Delete one file unless a document uses it; return whether it was deleted.

    Nothing is deleted before a restore is confirmed: the next sweep does it then.
    """
    if await blobs.keeps_orphans():
        return False
    async with database.transaction() as connection:
        store = DocumentStore(connection)
        await store.lock_digest(digest)
        if await store.digest_is_used(digest):
            return False
        await blobs.remove(digest)
        return True


async def sweep(database: Database, blobs: Blobs) -> None:
    """Delete all orphans: of interrupted uploads and deletions, and of deleted accounts."""
    abandoned = await asyncio.to_thread(blobs.sweep_incoming)
    unused = 0 if await blobs.keeps_orphans() else await _sweep_files(database, blobs)
    if abandoned or unused:
        _LOG.info("orphans deleted: uploads=%d files=%d", abandoned, unused)


async def _sweep_files(database: Database, blobs: Blobs) -> int:
    digests = await asyncio.to_thread(lambda: list(blobs.digests()))
    async with database.connection() as connection:
        candidates = await DocumentStore(connection).unused_digests(digests)
    unused = 0
    for digest in candidates:
        unused += await remove_unused(database, blobs, digest)
    return unused
