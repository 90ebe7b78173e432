"""Turn pages into chunks with their search words. Runs in the parser process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from appliance.ingest.chunk import Chunk, chunks, open_headings
from appliance.ingest.extract.page import (
    PAGE_CHARACTERS,
    RECORD_CHARACTERS,
    ExtractedPage,
    Heading,
    IndexedChunk,
    IndexedPage,
)
from appliance.text.language import detect
from appliance.text.scripts import without_breaks
from appliance.text.words import search_text

# Characters of a document that are used to detect its language.
_SAMPLE = 20_000
_CUT = "Only the first {characters:,} characters of the page were read."


class Indexer:
    """Takes the pages of one document in order; `language` is known after the last one.

    `open_headings` are those of earlier pages that the next page still belongs to.

    A page beyond PAGE_CHARACTERS or RECORD_CHARACTERS is cut at the end of a chunk.
    """

    def __init__(self, title: str | None, open_headings: Sequence[Heading] = ()) -> None:
        self._title = title
        self.open_headings = tuple(open_headings)
        self._sample = ""

    @property
    def language(self) -> str:
        """The PostgreSQL text search configuration for the pages so far."""
        return detect(self._sample)

    def index(self, page: ExtractedPage) -> IndexedPage:
        """Return the page with its chunks."""
        if len(self._sample) < _SAMPLE:
            self._sample += f"{page.text[:_SAMPLE]}\n"
        text, left = page.text[:PAGE_CHARACTERS], RECORD_CHARACTERS
        indexed: list[IndexedChunk] = []
        for chunk in chunks(page.number, text, page.headings, self._title, self.open_headings):
            made = self._indexed(chunk)
            left -= made.size
            if left < 0:
                break
            indexed.append(made)
        self.open_headings = open_headings(self.open_headings, page.headings)
        if left >= 0 and len(text) == len(page.text):
            return IndexedPage(page, tuple(indexed))
        text = text[: indexed[-1].end] if indexed else ""
        note = _CUT.format(characters=len(text))
        return IndexedPage(replace(page, text=text, note=note), tuple(indexed))

    def _indexed(self, chunk: Chunk) -> IndexedChunk:
        named = " ".join((self._title or "", *chunk.heading_path))
        return IndexedChunk(
            start=chunk.start,
            end=chunk.end,
            heading_path=chunk.heading_path,
            heading_words=search_text(named),
            body_words=search_text(without_breaks(chunk.text)),
        )
