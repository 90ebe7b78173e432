"""Read PDF with poppler: `pdfinfo` for the facts, `pdftotext` for ranges of pages."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from appliance.core.process import Finished
from appliance.core.settings import MEBIBYTE
from appliance.ingest.errors import (
    ConverterFailedError,
    DamagedFileError,
    EncryptedDocumentError,
    MissingLanguageDataError,
    OnlyPicturesError,
    TooManyPagesError,
)
from appliance.ingest.extract.clean import short_title
from appliance.ingest.extract.confined import DOCUMENT, run_parser
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage
from appliance.ingest.extract.parser import ParserLimits, failure
from appliance.ingest.extract.reflow import has_columns_of_prose, reflow
from appliance.ingest.extract.sections import numbered_headings
from appliance.library.errors import DocumentError
from appliance.library.model import PageState

# Pages of one process: starting a process takes about as long as reading a page.
_RANGE = 32
_MOST_FAILED_PAGES = 5
_OUTPUT_LIMIT = 64 * MEBIBYTE
_FIELD = re.compile(r"^(Title|Pages):[ \t]*(.*)$", re.MULTILINE)
_MISSING_DATA = b"Missing language pack"
# pdftotext does not distinguish the two.
_NO_TEXT = "No text: the page is blank, or a picture."
# Titles that programs write when the author gave none.
_NO_TITLE = re.compile(r"(?i)^(microsoft \w+ - .*|untitled.*|.*\.\w{2,4}|\W*)$")


async def read_pdf(
    path: Path, limits: ParserLimits
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    """Yield the facts, then every page; a page that cannot be read is a `failed` page.

    Raises DocumentError at the start, at the end if no page has text, or when more than a few
    pages have failed.
    """
    facts = await _facts(path, limits)
    yield facts
    failures: list[DocumentError] = []
    read = 0
    last_page = facts.page_count or 0
    for first in range(1, last_page + 1, _RANGE):
        last = min(first + _RANGE - 1, last_page)
        async with aclosing(_range(path, first, last, limits)) as results:
            async for result in results:
                if isinstance(result, ExtractedPage):
                    read += result.state is PageState.READ
                    yield result
                    continue
                number, error = result
                failures.append(error)
                if len(failures) > _MOST_FAILED_PAGES:
                    raise error
                yield ExtractedPage(number, "", state=PageState.FAILED, note=error.message)
    if not read:
        raise failures[0] if failures else OnlyPicturesError(pages=last_page)


async def _facts(path: Path, limits: ParserLimits) -> DocumentFacts:
    finished = await run_parser(("pdfinfo", "-enc", "UTF-8", DOCUMENT), path, limits)
    if error := failure(finished, limits):
        raise error
    if b"Incorrect password" in finished.stderr:
        raise EncryptedDocumentError
    fields = dict(_FIELD.findall(finished.stdout.decode(errors="replace")))
    pages = int(fields.get("Pages") or 0)
    if finished.returncode:
        raise _refusal("pdfinfo", finished)
    if not pages:
        raise DamagedFileError(format="PDF")
    if pages > limits.pages:
        raise TooManyPagesError(limit=limits.pages)
    title = short_title(fields.get("Title", ""))
    return DocumentFacts(None if _NO_TITLE.match(title) else title, pages)


async def _range(
    path: Path, first: int, last: int, limits: ParserLimits
) -> AsyncGenerator[ExtractedPage | tuple[int, DocumentError], None]:
    """Yield each page of a range, or its number and the error if it cannot be read."""
    try:
        texts = await _texts(path, first, last, limits)
    except DocumentError as error:
        if first == last:
            yield first, error
            return
        # One page of the range fails: halve the range until it is found.
        middle = (first + last) // 2
        for start, end in ((first, middle), (middle + 1, last)):
            async with aclosing(_range(path, start, end, limits)) as results:
                async for result in results:
                    yield result
        return
    for number, text in enumerate(texts, start=first):
        if text:
            yield ExtractedPage(number, text, headings=numbered_headings(text))
        else:
            yield ExtractedPage(number, text, state=PageState.EMPTY, note=_NO_TEXT)


async def _texts(path: Path, first: int, last: int, limits: ParserLimits) -> list[str]:
    """Return the text of each page from `first` to `last`.

    Layout mode keeps the cells of a form or table on one line, which reading order separates. But
    it mixes the columns of a paper, so such pages are read again in reading order.
    """
    pages = await _pdftotext(path, first, last, limits, "-layout")
    if any(has_columns_of_prose(page) for page in pages):
        in_order = await _pdftotext(path, first, last, limits)
        pages = [
            ordered if has_columns_of_prose(page) else page
            for page, ordered in zip(pages, in_order, strict=True)
        ]
    return [reflow(page) for page in pages]


async def _pdftotext(
    path: Path, first: int, last: int, limits: ParserLimits, *options: str
) -> list[str]:
    span = ("-f", str(first), "-l", str(last))
    argv = ("pdftotext", *options, *span, "-enc", "UTF-8", "-eol", "unix", DOCUMENT, "-")
    finished = await run_parser(argv, path, limits, output_limit=_OUTPUT_LIMIT)
    if error := failure(finished, limits):
        raise error
    if _MISSING_DATA in finished.stderr:
        # pdftotext leaves the characters out and exits with 0.
        raise MissingLanguageDataError
    # Each page ends with a form feed, also an empty one.
    pages = finished.stdout.decode(errors="replace").split("\f")[:-1]
    if first == last:
        # A font may map a glyph to the form feed; of a single page, all output is its text.
        pages = ["\n".join(pages)]
    if finished.returncode:
        raise _refusal("pdftotext", finished)
    if len(pages) != last - first + 1:
        raise DamagedFileError(format="PDF")
    return pages


def _refusal(program: str, finished: Finished) -> DocumentError:
    """Return what an exit code of poppler's programs means for the document."""
    match finished.returncode:
        case 1:
            return DamagedFileError(format="PDF")
        case 3:
            return EncryptedDocumentError()
        case _:
            return ConverterFailedError(program=program, reason=finished.description)
