"""Delete files that no document uses, safely beside uploads of the same content.

Whoever adds a file with its row, or removes one, holds the lock on the digest meanwhile. An
upload puts the file in place and commits the row under the lock, so a file without a row under
the lock is a file that nobody will use.
"""

from __future__ import annotations

import asyncio
import logging

from appliance.db.pool import Database
from appliance.ingest.blobs import Blobs
from appliance.ingest.store import IngestStore

_LOG = logging.getLogger(__name__)


async def remove_unused(database: Database, blobs: Blobs, digest: str) -> bool:
    """Delete one file unless a document uses it; return whether it was deleted."""
    async with database.transaction() as connection:
        store = IngestStore(connection)
        await store.lock_digest(digest)
        if await store.digest_is_used(digest):
            return False
        await blobs.remove(digest)
        return True


async def sweep(database: Database, blobs: Blobs) -> None:
    """Delete what uploads and deletions left behind that a crash broke off."""
    abandoned = await asyncio.to_thread(blobs.sweep_incoming)
    digests = await asyncio.to_thread(lambda: list(blobs.digests()))
    unused = 0
    for digest in digests:
        async with database.connection() as connection:
            used = await IngestStore(connection).digest_is_used(digest)
        if not used:
            unused += await remove_unused(database, blobs, digest)
    if abandoned or unused:
        _LOG.info("swept %d broken-off uploads and %d unused files", abandoned, unused)
