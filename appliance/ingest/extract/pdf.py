"""Read PDF with poppler: `pdfinfo` for the facts, `pdftotext` for ranges of pages.

What pdftotext prints goes to a parser of ours as it is, and is not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.process import Finished
from appliance.core.variables import MEBIBYTE
from appliance.ingest.errors import (
    ConverterFailedError,
    DamagedFileError,
    EncryptedDocumentError,
    MissingLanguageDataError,
    OnlyPicturesError,
    ParserKilledError,
    ParserMisbehavedError,
    TooManyPagesError,
)
from appliance.ingest.extract.confined import DOCUMENT, run_parser
from appliance.ingest.extract.page import (
    ColumnsFound,
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    Heading,
    IndexedPage,
    Record,
)
from appliance.ingest.extract.parser import ParserLimits, failure
from appliance.ingest.extract.pdf_range import PdfRange
from appliance.ingest.extract.text import read_in_child
from appliance.library.errors import DocumentError
from appliance.library.page_state import PageState
from appliance.text.language import SIMPLE

# Pages of one process: starting a process takes about as long as reading a page.
_RANGE = 32
_MOST_FAILED_PAGES = 5
_OUTPUT_LIMIT = 64 * MEBIBYTE
_INFO_LIMIT = 64 * 1024
_LONGEST_TITLE = 1000
_FIELD = re.compile(r"^(Title|Pages):[ \t]*(.*)$", re.MULTILINE)
_MISSING_DATA = b"Missing language pack"


@dataclass(frozen=True, slots=True)
class _Info:
    """What pdfinfo says: the title as it is in the file, and the number of pages."""

    title: str
    pages: int


class _Reading:
    """One document while its ranges are read; each range begins with what the last left open."""

    def __init__(self, path: Path, info: _Info, limits: ParserLimits) -> None:
        self._path = path
        self._info = info
        self._limits = limits
        self._headings: tuple[Heading, ...] = ()
        self._has_facts = False
        self.language = SIMPLE
        self.failures: list[DocumentError] = []
        self.read = 0

    async def range(self, first: int, last: int) -> AsyncGenerator[Record, None]:
        """Yield each page of a range; one that cannot be read is a `failed` page."""
        try:
            layout = await _pdftotext(self._path, first, last, self._limits, "-layout")
        except ParserKilledError:
            # No fault of a page.
            raise
        except DocumentError as error:
            if first == last:
                yield self._failed(first, error)
                return
            # One page of the range fails: halve the range until it is found.
            middle = (first + last) // 2
            for start, end in ((first, middle), (middle + 1, last)):
                async with aclosing(self.range(start, end)) as records:
                    async for record in records:
                        yield record
            return
        given = PdfRange(first, last, self._info.title, self._headings, layout)
        async with aclosing(self._pages(given)) as records:
            async for record in records:
                yield record

    def _failed(self, number: int, error: DocumentError) -> IndexedPage:
        self.failures.append(error)
        if len(self.failures) > _MOST_FAILED_PAGES:
            raise error
        return IndexedPage(ExtractedPage(number, "", state=PageState.FAILED, note=error.message))

    async def _pages(self, given: PdfRange) -> AsyncGenerator[Record, None]:
        """Yield the pages that our parser makes of a range, and the facts before the first."""
        has_columns = False
        async with aclosing(read_in_child("pdf", given.as_document(), self._limits)) as records:
            async for record in records:
                has_columns = has_columns or isinstance(record, ColumnsFound)
                if (taken := self._taken(record)) is not None:
                    yield taken
        if not has_columns:
            return
        if given.ordered is not None:
            raise ParserMisbehavedError
        ordered = await _pdftotext(self._path, given.first, given.last, self._limits)
        async with aclosing(self._pages(replace(given, ordered=ordered))) as again:
            async for record in again:
                yield record

    def _taken(self, record: Record) -> Record | None:
        """Remember what a record says of the whole document; return it if it is passed on."""
        match record:
            case DocumentFacts(title) if not self._has_facts:
                self._has_facts = True
                return DocumentFacts(title, self._info.pages)
            case IndexedPage(page):
                self.read += page.state is PageState.READ
                return record
            case DocumentEnd(language, headings):
                self._headings = headings
                self.language = language if self.language == SIMPLE else self.language
                return None
            case DocumentFacts() | ColumnsFound():
                return None


async def read_pdf(path: Path, limits: ParserLimits) -> AsyncGenerator[Record, None]:
    """Yield the facts, every page and the end; a page that cannot be read is a `failed` page.

    Raises DocumentError at the start, at the end if no page has text, or when more than a few
    pages have failed.
    """
    info = await _info(path, limits)
    reading = _Reading(path, info, limits)
    for first in range(1, info.pages + 1, _RANGE):
        last = min(first + _RANGE - 1, info.pages)
        async with aclosing(reading.range(first, last)) as records:
            async for record in records:
                yield record
    if not reading.read:
        raise reading.failures[0] if reading.failures else OnlyPicturesError(pages=info.pages)
    yield DocumentEnd(reading.language)


async def _info(path: Path, limits: ParserLimits) -> _Info:
    argv = ("pdfinfo", "-enc", "UTF-8", DOCUMENT)
    finished = await run_parser(argv, path, limits, output_limit=_INFO_LIMIT)
    if error := failure(finished, limits):
        raise error
    if b"Incorrect password" in finished.stderr:
        raise EncryptedDocumentError
    fields = dict(_FIELD.findall(finished.stdout.decode(errors="replace")))
    if finished.returncode:
        raise _refusal("pdfinfo", finished)
    number = fields.get("Pages", "")
    pages = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    if not pages:
        raise DamagedFileError(format="PDF")
    if pages > limits.pages:
        raise TooManyPagesError(limit=limits.pages)
    return _Info(fields.get("Title", "")[:_LONGEST_TITLE], pages)


async def _pdftotext(
    path: Path, first: int, last: int, limits: ParserLimits, *options: str
) -> bytes:
    """Return the output for a range of pages."""
    span = ("-f", str(first), "-l", str(last))
    argv = ("pdftotext", *options, *span, "-enc", "UTF-8", "-eol", "unix", DOCUMENT, "-")
    finished = await run_parser(argv, path, limits, output_limit=_OUTPUT_LIMIT)
    if error := failure(finished, limits):
        raise error
    if _MISSING_DATA in finished.stderr:
        # pdftotext leaves the characters out and exits with 0.
        raise MissingLanguageDataError
    if finished.returncode:
        raise _refusal("pdftotext", finished)
    # Each page ends with a form feed. A font may map a glyph to it; of a single page it does not
    # matter.
    if last > first and finished.stdout.count(b"\f") != last - first + 1:
        raise DamagedFileError(format="PDF")
    return finished.stdout


def _refusal(program: str, finished: Finished) -> DocumentError:
    """Return what an exit code of poppler's programs means for the document."""
    match finished.returncode:
        case 1:
            return DamagedFileError(format="PDF")
        case 3:
            return EncryptedDocumentError()
        case _:
            return ConverterFailedError(program=program, reason=finished.description)
