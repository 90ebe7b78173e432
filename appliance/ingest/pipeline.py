"""Take one document from its file to the index: parse it, write the ledger, index it.

Nothing here depends on the text: the parser process has split it into chunks with search words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path, PurePosixPath

from appliance.core.clock import Clock
from appliance.db.pool import Database
from appliance.ingest.errors import NoTextError, ParserMisbehavedError
from appliance.ingest.extract.page import (
    ColumnsFound,
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    IndexedPage,
    Record,
)
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import HEAD_SIZE, Format, recognise
from appliance.ingest.model import IndexedDocument, Lease, StoredChunk
from appliance.ingest.store import IngestStore
from appliance.library.blobs import Blobs
from appliance.library.errors import DocumentError, FileMissingError
from appliance.text.words import search_text

Extract = Callable[[Path, Format, ParserLimits], AsyncGenerator[Record, None]]

# Pages are written to the ledger in batches of this size, or after this many seconds: often enough
# to show progress, seldom enough not to wait for the disk after each page.
_BATCH = 32
_BATCH_CHARACTERS = 500_000
_BATCH_SECONDS = 0.5


class LeaseLostError(Exception):
    """The document was deleted, or leased to another instance, while it was read."""


class Pipeline:
    """Reads and indexes leased documents for one instance of the ingest process."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        instance: str,
        extract: Extract,
        limits: ParserLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._instance = instance
        self._extract = extract
        self._limits = limits
        self._clock = clock

    async def has_room(self) -> bool:
        """Return whether the disk has room for the pages and chunks of another document."""
        return await self._blobs.has_room()

    async def read(self, lease: Lease) -> None:
        """Read a document and make it searchable in one transaction.

        Raises DocumentError, LeaseLostError or DatabaseUnavailableError; the index then holds no
        part of the document.
        """
        path = self._blobs.path(lease.digest)
        await self._blobs.verify(lease.digest)
        wanted = recognise(lease.file_name, await asyncio.to_thread(_head, path))
        async with self._database.transaction() as connection:
            await IngestStore(connection).forget_attempt(lease.id)
        assembly = Assembly(lease.file_name)
        await self._read_pages(lease, path, wanted, assembly)
        await self._finish(lease, assembly.document())

    async def _read_pages(
        self, lease: Lease, path: Path, wanted: Format, assembly: Assembly
    ) -> None:
        batch: list[ExtractedPage] = []
        saved_at = self._clock.monotonic()
        try:
            async with aclosing(self._extract(path, wanted, self._limits)) as records:
                async for record in records:
                    assembly.add(record)
                    if isinstance(record, DocumentFacts):
                        await self._set_page_count(lease, record)
                    if not isinstance(record, IndexedPage):
                        continue
                    batch.append(record.page)
                    if self._is_due(batch, saved_at):
                        await self._save(lease, batch)
                        batch, saved_at = [], self._clock.monotonic()
        except DocumentError:
            # Keep the pages read so far: the ledger shows where the reading failed.
            await self._save(lease, batch)
            raise
        await self._save(lease, batch)

    def _is_due(self, batch: Sequence[ExtractedPage], saved_at: float) -> bool:
        return (
            len(batch) == _BATCH
            or self._clock.monotonic() - saved_at > _BATCH_SECONDS
            or sum(len(page.text) for page in batch) > _BATCH_CHARACTERS
        )

    async def _set_page_count(self, lease: Lease, facts: DocumentFacts) -> None:
        if facts.page_count is not None:
            async with self._database.connection() as connection:
                store = IngestStore(connection)
                await store.set_page_count(lease.id, self._instance, facts.page_count)

    async def _save(self, lease: Lease, pages: Sequence[ExtractedPage]) -> None:
        async with self._database.connection() as connection:
            if not await IngestStore(connection).add_pages(lease.id, self._instance, pages):
                raise LeaseLostError

    async def _finish(self, lease: Lease, document: IndexedDocument) -> None:
        async with self._database.transaction() as connection:
            store = IngestStore(connection)
            if not await store.hold_lease(lease.id, self._instance):
                raise LeaseLostError
            await store.finish(lease, document)


class Assembly:
    """Collects the records of one document, in their order, into what is indexed."""

    def __init__(self, file_name: str) -> None:
        # A file name is short: its search words need no parser process.
        self._name_words = search_text(PurePosixPath(file_name).stem)
        self._facts = DocumentFacts()
        self._language: str | None = None
        self._chunks: list[StoredChunk] = []
        self._pages = 0

    def add(self, record: Record) -> None:
        """Take the next record."""
        match record:
            case DocumentFacts():
                self._facts = record
            case DocumentEnd(language):
                self._language = language
            case ColumnsFound():
                # Only between a parser and the reader of PDF.
                raise ParserMisbehavedError
            case IndexedPage(page, chunks):
                self._pages += 1
                self._chunks += (
                    StoredChunk(
                        page=page.number,
                        start=chunk.start,
                        end=chunk.end,
                        heading_path=chunk.heading_path,
                        text=page.text[chunk.start : chunk.end],
                        heading_words=f"{self._name_words} {chunk.heading_words}",
                        body_words=chunk.body_words,
                    )
                    for chunk in chunks
                )

    def document(self) -> IndexedDocument:
        """Return the whole document. Raises NoTextError and ParserMisbehavedError."""
        if self._language is None:
            raise ParserMisbehavedError
        if not self._chunks:
            raise NoTextError
        return IndexedDocument(self._facts.title, self._language, self._pages, self._chunks)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_SIZE)
    except FileNotFoundError as error:
        raise FileMissingError from error
