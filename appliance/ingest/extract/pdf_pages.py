"""From the output of pdftotext to pages with their chunks. Runs in a parser process.

The ingest process hands over one range of pages at a time, and with it what the ranges before have
left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.ingest.extract.clean import short_title
from appliance.ingest.extract.page import (
    ColumnsFound,
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    Record,
)
from appliance.ingest.extract.pdf_range import PdfRange
from appliance.ingest.extract.reflow import has_columns_of_prose, reflow
from appliance.ingest.extract.sections import numbered_headings
from appliance.ingest.indexer import Indexer
from appliance.library.page_state import PageState

# pdftotext does not distinguish the two.
_NO_TEXT = "No text: the page is blank, or a picture."
# Titles that programs write when the author gave none.
_NO_TITLE = re.compile(r"(?i)^(microsoft \w+ - .*|untitled.*|.*\.\w{2,4}|\W*)$")


def read_range(document: bytes) -> Iterator[Record]:
    """Yield the records of a range of pages, or ColumnsFound if it is wanted in order as well."""
    given = PdfRange.of_document(document)
    layout = _split(given, given.layout)
    columns = [has_columns_of_prose(page) for page in layout]
    if given.ordered is None and any(columns):
        yield ColumnsFound()
        return
    ordered = layout if given.ordered is None else _split(given, given.ordered)
    title = short_title(given.title)
    title_or_none = None if _NO_TITLE.match(title) else title
    yield DocumentFacts(title_or_none)
    indexer = Indexer(title_or_none, given.open_headings)
    texts = zip(columns, layout, ordered, strict=True)
    for number, (mixed, as_laid_out, in_order) in enumerate(texts, start=given.first):
        yield indexer.index(_page(number, reflow(in_order if mixed else as_laid_out)))
    yield DocumentEnd(indexer.language, indexer.open_headings)


def _page(number: int, text: str) -> ExtractedPage:
    if not text:
        return ExtractedPage(number, text, state=PageState.EMPTY, note=_NO_TEXT)
    return ExtractedPage(number, text, headings=numbered_headings(text))


def _split(given: PdfRange, output: bytes) -> list[str]:
    """Return the text of each page."""
    # Each page ends with a form feed, also an empty one.
    pages = output.decode(errors="replace").split("\f")[:-1]
    # A font may map a glyph to the form feed; of a single page, all output is its text.
    return ["\n".join(pages)] if given.first == given.last else pages
