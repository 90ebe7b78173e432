"""One document from its file to the index: extract, keep the ledger, cut, make it searchable."""

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

# Pages go into the ledger together when this many wait, or when this time has passed: often
# enough to watch, seldom enough not to wait for the disk after each page.
_PAGES_AT_ONCE = 32
_LONGEST_WAIT = 0.5
_SAMPLE = 20_000


class ClaimLostError(Exception):
    """The document was deleted, or given to another instance, while it was read."""


class Reader:
    """Reads claimed documents for one instance of the ingest process."""

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
        """Say whether there is room on the disk for what is read."""
        return await self._blobs.has_room()

    async def read(self, claim: Lease) -> None:
        """Read a document and make it searchable in one transaction.

        Raises DocumentError, ClaimLostError or DatabaseUnavailableError; then nothing of it is
        in the index.
        """
        path = self._blobs.path(claim.digest)
        wanted = recognise(claim.file_name, await asyncio.to_thread(_head, path))
        async with self._database.transaction() as connection:
            await IngestStore(connection).forget_reading(claim.id)
        indexer = Indexer(claim.file_name)
        facts = await self._read_pages(claim, path, wanted, indexer)
        await self._finish(claim, indexer.reading(facts))

    async def _read_pages(
        self, claim: Lease, path: Path, wanted: Format, indexer: Indexer
    ) -> DocumentFacts:
        facts = DocumentFacts()
        waiting: list[ExtractedPage] = []
        kept_at = self._clock.monotonic()
        try:
            async with aclosing(self._extract(path, wanted, self._limits)) as items:
                async for item in items:
                    if isinstance(item, DocumentFacts):
                        facts = item
                        await self._note(claim, facts)
                        continue
                    waiting.append(item)
                    late = self._clock.monotonic() - kept_at > _LONGEST_WAIT
                    if late or len(waiting) == _PAGES_AT_ONCE:
                        await self._keep(claim, waiting, facts, indexer)
                        waiting, kept_at = [], self._clock.monotonic()
        except DocumentError:
            # The ledger tells how far it came.
            await self._keep(claim, waiting, facts, indexer)
            raise
        await self._keep(claim, waiting, facts, indexer)
        return facts

    async def _note(self, claim: Lease, facts: DocumentFacts) -> None:
        if facts.page_count is not None:
            async with self._database.connection() as connection:
                store = IngestStore(connection)
                await store.set_page_count(claim.id, self._instance, facts.page_count)

    async def _keep(
        self,
        claim: Lease,
        pages: Sequence[ExtractedPage],
        facts: DocumentFacts,
        indexer: Indexer,
    ) -> None:
        async with self._database.connection() as connection:
            if not await IngestStore(connection).add_pages(claim.id, self._instance, pages):
                raise ClaimLostError
        await asyncio.to_thread(indexer.add, pages, facts.title)

    async def _finish(self, claim: Lease, reading: IndexedDocument) -> None:
        if not reading.chunks:
            raise NoTextError
        async with self._database.transaction() as connection:
            store = IngestStore(connection)
            if not await store.hold_claim(claim.id, self._instance):
                raise ClaimLostError
            await store.finish(claim, reading)


class Indexer:
    """Turns pages, as they come, into chunks with the words by which they are found."""

    def __init__(self, file_name: str) -> None:
        self._name = PurePosixPath(file_name).stem
        self._carried: tuple[Heading, ...] = ()
        self._chunks: list[IndexedChunk] = []
        self._sample = ""
        self._pages = 0

    def add(self, pages: Sequence[ExtractedPage], title: str | None) -> None:
        """Cut pages into chunks."""
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

    def reading(self, facts: DocumentFacts) -> IndexedDocument:
        """Return what is known after the last page."""
        return IndexedDocument(facts.title, detect(self._sample), self._pages, tuple(self._chunks))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_SIZE)
    except FileNotFoundError as error:
        raise FileMissingError from error
