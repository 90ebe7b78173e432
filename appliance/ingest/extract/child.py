"""`python -m appliance.ingest.extract.child JOB PATH LIMIT`: read one file with a Python parser.

Runs under time and memory limits outside of the ingest process, because a hostile file may
exhaust either. Prints JSON lines: the facts, each page, or one error. The path
`-` is the standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from appliance.ingest.errors import NoTextError
from appliance.library.errors import DocumentError

# The exit status after an error that was printed as JSON.
REFUSED = 3

Line = dict[str, object]


def main(job: str, path: str, limit: int) -> int:
    """Do the job and return the exit status."""
    try:
        for line in _lines(job, path, limit):
            _print(line)
    except DocumentError as error:
        _print({"error": error.code, "facts": error.facts})
        return REFUSED
    return 0


def _lines(job: str, path: str, limit: int) -> Iterator[Line]:
    # Imported where they are used, because every document starts this process.
    match job:
        case "check-docx" | "check-odt":
            from appliance.ingest.extract.archive import check_archive

            check_archive(Path(path), job.removeprefix("check-"), limit)
            return
        case "csv":
            from appliance.ingest.extract.rows import read_csv as read
        case "html":
            from appliance.ingest.extract.outline import read_html as read
        case "markdown":
            from appliance.ingest.extract.outline import read_markdown as read
        case _:
            from appliance.ingest.extract.outline import read_text as read
    outline = read(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
