"""`… child JOB LIMIT`: read the document on standard input with a parser of ours.

Everything that depends on the text of a document happens here, under limits of time and memory and
outside of the ingest process, because a hostile file may exhaust either. Prints one JSON line a
record (`appliance.ingest.extract.records`): the facts, each page with its chunks, and the end; or
one error.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

from appliance.ingest.errors import NoTextError
from appliance.ingest.extract.page import DocumentEnd, Outline, Record
from appliance.ingest.extract.records import error_line, line_of
from appliance.ingest.indexer import Indexer
from appliance.library.errors import DocumentError

# The exit status after an error that was printed as JSON.
REFUSED = 3


def main(job: str, limit: int) -> int:
    """Do the job and return the exit status."""
    try:
        for record in _records(job, limit):
            _print(line_of(record))
    except DocumentError as error:
        _print(error_line(error))
        return REFUSED
    return 0


def _records(job: str, limit: int) -> Iterator[Record]:
    # Imported where they are used, because every document starts this process.
    content = sys.stdin.buffer.read()
    match job:
        case "check-docx" | "check-odt":
            from appliance.ingest.extract.archive import check_archive

            check_archive(io.BytesIO(content), job.removeprefix("check-"), limit)
            return iter(())
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
