"""A library with a folder of its own, uploads, and an ingest worker to read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from appliance.accounts.model import Account
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.pipeline import Extract, Pipeline
from appliance.ingest.worker import Worker
from appliance.library.blobs import Blobs, Disk, Room, SystemDisk
from appliance.library.model import Document, Uploaded
from appliance.library.quota import Quotas
from appliance.library.service import LibraryService

LIMIT = 1024 * 1024
ROOM = Room(limit=LIMIT, floor=0)
CLOCK = SystemClock()


async def pieces(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    """Yield content as it comes over a network."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until something is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The library service over a folder, with short ways to say things."""

    service: LibraryService
    blobs: Blobs
    folder: Path

    async def shared(self, actor: Account) -> UUID:
        """Return the collection of everybody."""
        return (await self.service.collection(actor, "Shared library")).id

    async def own(self, actor: Account) -> UUID:
        """Return the actor's own collection."""
        return (await self.service.collection(actor, "My documents")).id

    async def upload(
        self,
        actor: Account,
        file_name: str,
        content: bytes | str | Path,
        collection: UUID | None = None,
    ) -> Uploaded:
        """Upload to the shared library, or to `collection`."""
        if isinstance(content, Path):
            content = await asyncio.to_thread(content.read_bytes)
        elif isinstance(content, str):
            content = content.encode()
        target = collection or await self.shared(actor)
        return await self.service.upload(actor, target, file_name, pieces(content), by=actor)

    async def original(self, actor: Account, document: UUID) -> bytes:
        """Return the file of a document as a download gives it."""
        async with self.service.original(actor, document) as original:
            return b"".join([piece async for piece in original.pieces])

    def files(self) -> list[str]:
        """Return every file in the folder, also those that should not be there."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())

    async def finished(self, actor: Account, *documents: UUID) -> list[Document]:
        """Wait until documents are read, or could not be; return them."""

        async def done() -> bool:
            found = [await self.service.document(actor, document) for document in documents]
            return all(document.state.is_finished for document in found)

        await until(done)
        return [await self.service.document(actor, document) for document in documents]


def shelf(
    database: Database, folder: Path, *, room: Room = ROOM, disk: Disk | None = None
) -> Shelf:
    """Make a library service over `folder`."""
    blobs = Blobs(folder, room, disk or SystemDisk())
    return Shelf(LibraryService(database, blobs, Quotas(database)), blobs, folder)


def worker(
    database: Database,
    blobs: Blobs,
    name: str = "first",
    *,
    parallel: int = 2,
    reads: Extract = extract,
    limits: ParserLimits | None = None,
) -> Worker:
    """Make an instance of the ingest process inside the test."""
    pipeline = Pipeline(database, blobs, name, reads, limits or ParserLimits(), CLOCK)
    return Worker(database, pipeline, name, CLOCK, parallel=parallel)


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[None]:
    """Let workers work while the block runs, then stop them as SIGTERM does."""
    tasks = [asyncio.ensure_future(each.run()) for each in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def search(database: Database, word: str) -> list[str]:
    """Return the names of the documents in whose chunks a word stands."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT file_name FROM library.chunk c"
            " JOIN library.document d ON d.id = c.document_id"
            " WHERE c.words @@ plainto_tsquery(c.language::regconfig, %s) ORDER BY 1",
            (word,),
        )
        return [str(row[0]) for row in await cursor.fetchall()]


Term = tuple[UUID, str, str]


async def counted_terms(database: Database) -> dict[Term, int]:
    """Return the number of chunks that is kept for each collection, language and word."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT collection_id, language, lexeme, chunks FROM library.term"
        )
        return {(row[0], row[1], row[2]): row[3] for row in await cursor.fetchall()}


async def true_terms(database: Database) -> dict[Term, int]:
    """Return the same numbers, counted in the chunks by PostgreSQL's own statistics."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT l.collection_id, l.language, s.word, s.ndoc FROM"
            " (SELECT DISTINCT collection_id, language FROM library.chunk) AS l, LATERAL ts_stat("
            " format('SELECT words FROM library.chunk WHERE collection_id = %L"
            " AND language = %L', l.collection_id, l.language)) AS s"
        )
        return {(row[0], row[1], row[2]): row[3] for row in await cursor.fetchall()}
