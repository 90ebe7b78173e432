"""A parser in Python: `main` reads the document on standard input.

Everything that depends on the text of a document happens here, confined and under limits of time
and memory outside of the ingest process, because a hostile file may exhaust them or take over its
parser. Prints one JSON line a record (`appliance.ingest.extract.records`): the facts, each page
with its chunks, and the end; or one error. For an office document it checks the file and then turns
itself into the converter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from appliance.ingest.errors import NoTextError
from appliance.ingest.extract.page import DocumentEnd, Outline, Record
from appliance.ingest.extract.records import error_line, line_of
from appliance.ingest.indexer import Indexer
from appliance.library.errors import DocumentError

# The exit status after an error that was printed as JSON.
REFUSED = 3


def main(job: str, limit: str, *converter: str) -> int:
    """Do the job and return the exit status."""
    try:
        if converter:
            _convert(job, int(limit), converter)
        for record in _records(job):
            _print(line_of(record))
    except DocumentError as error:
        _print(error_line(error))
        return REFUSED
    return 0


def prepare() -> None:
    """Import and compute once, for all parsers, what the jobs need."""
    from appliance.ingest.extract import archive, legacy_encodings, pdf_pages, rows  # noqa: F401
    from appliance.ingest.extract.outline import read_html

    for _ in _indexed(read_html(b"<p>Words.")):
        pass


def _convert(job: str, limit: int, converter: tuple[str, ...]) -> None:
    """Check an office document, then become the program that converts it."""
    from appliance.ingest.extract.archive import check_archive

    if job != "rtf":
        check_archive(sys.stdin.buffer, job, limit)
    os.lseek(sys.stdin.fileno(), 0, os.SEEK_SET)
    os.execvp(converter[0], converter)  # noqa: S606 - no shell is wanted


def _records(job: str) -> Iterator[Record]:
    # Imported here: ingest itself imports this module, and never what reads a text.
    content = sys.stdin.buffer.read()
    match job:
        case "pdf":
            from appliance.ingest.extract.pdf_pages import read_range

            return read_range(content)
        case "csv":
            from appliance.ingest.extract.rows import read_csv as read
        case "html":
            from appliance.ingest.extract.outline import read_html as read
        case "markdown":
            from appliance.ingest.extract.outline import read_markdown as read
        case _:
            from appliance.ingest.extract.outline import read_text as read
    return _indexed(read(content))


def _indexed(outline: Outline) -> Iterator[Record]:
    yield outline.facts
    indexer = Indexer(outline.facts.title)
    page = None
    for page in outline.pages:
        yield indexer.index(page)
    if page is None:
        raise NoTextError
    yield DocumentEnd(indexer.language)


def _print(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
