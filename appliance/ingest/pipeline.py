"""Take one document from its file to the index: extract, write the ledger, split, index."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path, PurePosixPath

from appliance.core.clock import Clock
from appliance.db.pool import Database
from appliance.ingest.chunk import chunks, open_headings
from appliance.ingest.errors import NoTextError
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage, Heading
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import HEAD_SIZE, Format, recognise
from appliance.ingest.model import IndexedChunk, IndexedDocument, Lease
from appliance.ingest.store import IngestStore
from appliance.library.blobs import Blobs
from appliance.library.errors import DocumentError, FileMissingError
from appliance.text.language import detect
from appliance.text.scripts import without_breaks
from appliance.text.words import search_text

Extract = Callable[
    [Path, Format, ParserLimits], AsyncGenerator[DocumentFacts | ExtractedPage, None]
]

# Pages are written to the ledger in batches of this size, or after this many seconds: often enough
# to show progress, seldom enough not to wait for the disk after each page.
_BATCH = 32
_BATCH_SECONDS = 0.5
# Characters of a document that are used to detect its language.
_SAMPLE = 20_000


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
        indexer = Indexer(lease.file_name)
        facts = await self._read_pages(lease, path, wanted, indexer)
        await self._finish(lease, indexer.document(facts))

    async def _read_pages(
        self, lease: Lease, path: Path, wanted: Format, indexer: Indexer
    ) -> DocumentFacts:
        facts = DocumentFacts()
        batch: list[ExtractedPage] = []
        saved_at = self._clock.monotonic()
        try:
            async with aclosing(self._extract(path, wanted, self._limits)) as items:
                async for item in items:
                    if isinstance(item, DocumentFacts):
                        facts = item
                        await self._set_page_count(lease, facts)
                        continue
                    batch.append(item)
                    late = self._clock.monotonic() - saved_at > _BATCH_SECONDS
                    if late or len(batch) == _BATCH:
                        await self._save(lease, batch, facts, indexer)
                        batch, saved_at = [], self._clock.monotonic()
        except DocumentError:
            # Keep the pages read so far: the ledger shows where the reading failed.
            await self._save(lease, batch, facts, indexer)
            raise
        await self._save(lease, batch, facts, indexer)
        return facts

    async def _set_page_count(self, lease: Lease, facts: DocumentFacts) -> None:
        if facts.page_count is not None:
            async with self._database.connection() as connection:
                store = IngestStore(connection)
                await store.set_page_count(lease.id, self._instance, facts.page_count)

    async def _save(
        self,
        lease: Lease,
        pages: Sequence[ExtractedPage],
        facts: DocumentFacts,
        indexer: Indexer,
    ) -> None:
        async with self._database.connection() as connection:
            if not await IngestStore(connection).add_pages(lease.id, self._instance, pages):
                raise LeaseLostError
        await asyncio.to_thread(indexer.add, pages, facts.title)

    async def _finish(self, lease: Lease, document: IndexedDocument) -> None:
        if not document.chunks:
            raise NoTextError
        async with self._database.transaction() as connection:
            store = IngestStore(connection)
            if not await store.hold_lease(lease.id, self._instance):
                raise LeaseLostError
            await store.finish(lease, document)


class Indexer:
    """Turns pages, as they arrive, into chunks with their search words."""

    def __init__(self, file_name: str) -> None:
        self._name = PurePosixPath(file_name).stem
        self._carried: tuple[Heading, ...] = ()
        self._chunks: list[IndexedChunk] = []
        self._sample = ""
        self._pages = 0

    def add(self, pages: Sequence[ExtractedPage], title: str | None) -> None:
        """Split pages into chunks."""
        for page in pages:
            self._pages += 1
            if len(self._sample) < _SAMPLE:
                self._sample += f"{page.text}\n"
            for chunk in chunks(page.number, page.text, page.headings, title, self._carried):
                named = itertools.chain((self._name, title or ""), chunk.heading_path)
                self._chunks.append(
                    IndexedChunk(
                        page=chunk.page,
                        start=chunk.start,
                        end=chunk.end,
                        heading_path=chunk.heading_path,
                        text=chunk.text,
                        heading_words=search_text(" ".join(named)),
                        body_words=search_text(without_breaks(chunk.text)),
                    )
                )
            self._carried = open_headings(self._carried, page.headings)

    def document(self, facts: DocumentFacts) -> IndexedDocument:
        """Return the whole document, after its last page."""
        return IndexedDocument(facts.title, detect(self._sample), self._pages, tuple(self._chunks))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_SIZE)
    except FileNotFoundError as error:
        raise FileMissingError from error
