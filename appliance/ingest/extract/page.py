"""The output of a parser: facts about the document, its pages with their chunks, its language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.library.page_state import PageState

# What one page may hold: about a hundred printed pages of text, and with it the search words and
# heading paths of its chunks. The parser leaves out the rest of the page, and a note says so.
PAGE_CHARACTERS = 250_000
RECORD_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that starts at character `offset` of its page; level 1 is the highest."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """The facts known before the first page; `page_count` only where the format has pages."""

    title: str | None = None
    page_count: int | None = None


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """One page, or one part of a document that has no pages.

    `label` replaces the number in citations where it would mislead (rows of a table); `note` is a
    remark for the ledger, such as why a page failed.
    """

    number: int
    text: str
    label: str | None = None
    headings: tuple[Heading, ...] = ()
    state: PageState = PageState.READ
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """A document as a reader opens it: its facts, and its pages, which are created one by one."""

    facts: DocumentFacts
    pages: Iterator[ExtractedPage]


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A passage of a page from `start` to `end`, with its search words.

    `heading_path` names the sections that contain it, the outermost first. `heading_words` (of
    the title and the headings) weigh more than `body_words`.
    """

    start: int
    end: int
    heading_path: tuple[str, ...]
    heading_words: str
    body_words: str

    @property
    def size(self) -> int:
        """How many characters it adds to the text of its page."""
        path = sum(map(len, self.heading_path))
        return path + len(self.heading_words) + len(self.body_words)


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """A page with its chunks: everything that is stored of it."""

    page: ExtractedPage
    chunks: tuple[IndexedChunk, ...] = ()

    @property
    def size(self) -> int:
        """How many characters it has, with the search words of its chunks."""
        return len(self.page.text) + sum(chunk.size for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class DocumentEnd:
    """The end of a document, or of one range of its pages, that was read completely.

    `open_headings` are those that the next range begins with.
    """

    language: str
    open_headings: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnsFound:
    """Some pages of a range have columns of prose: the range is wanted in reading order as well."""


Record = DocumentFacts | IndexedPage | DocumentEnd | ColumnsFound
