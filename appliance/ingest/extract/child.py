"""A parser in Python: `main` reads the document on standard input.

Runs confined and under limits of time and memory outside of the ingest process, because a hostile
file may exhaust them or take over its parser. Prints JSON lines: the facts, each page, or one
error. For an office document it checks the file and then turns itself into the converter.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from appliance.ingest.errors import NoTextError
from appliance.library.errors import DocumentError

# The exit status after an error that was printed as JSON.
REFUSED = 3

Line = dict[str, object]


def main(job: str, limit: str, *converter: str) -> int:
    """Do the job and return the exit status."""
    try:
        if converter:
            _convert(job, int(limit), converter)
        for line in _lines(job):
            _print(line)
    except DocumentError as error:
        _print({"error": error.code, "facts": error.facts})
        return REFUSED
    return 0


def prepare() -> None:
    """Import what the jobs import, once for all parsers."""
    from appliance.ingest.extract import archive, outline, rows  # noqa: F401


def _convert(job: str, limit: int, converter: tuple[str, ...]) -> None:
    """Check an office document, then become the program that converts it."""
    from appliance.ingest.extract.archive import check_archive

    if job != "rtf":
        check_archive(sys.stdin.buffer, job, limit)
    os.lseek(sys.stdin.fileno(), 0, os.SEEK_SET)
    os.execvp(converter[0], converter)  # noqa: S606 - no shell is wanted


def _lines(job: str) -> Iterator[Line]:
    # Imported where they are used, because every document starts this process.
    match job:
        case "csv":
            from appliance.ingest.extract.rows import read_csv as read
        case "html":
            from appliance.ingest.extract.outline import read_html as read
        case "markdown":
            from appliance.ingest.extract.outline import read_markdown as read
        case _:
            from appliance.ingest.extract.outline import read_text as read
    outline = read(sys.stdin.buffer.read())
    yield {"title": outline.title}
    page = None
    for page in outline.pages:
        headings = [(heading.offset, heading.level, heading.title) for heading in page.headings]
        yield {
            "number": page.number,
            "text": page.text,
            "label": page.label,
            "headings": headings,
            "note": page.note,
        }
    if page is None:
        raise NoTextError


def _print(line: Line) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
