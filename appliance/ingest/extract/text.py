"""Read HTML, Markdown, CSV and text in a child process, and receive their pages."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from appliance.ingest.errors import (
    DamagedFileError,
    DocumentBombError,
    EncryptedDocumentError,
    NoTextError,
    NotTextError,
    ParserCrashedError,
    StrictOpenXmlError,
    UnknownEncodingError,
    WrongContentError,
)
from appliance.ingest.extract.confined import python_parser, stream_parser
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage, Heading
from appliance.ingest.extract.parser import ParserLimits, failure
from appliance.library.errors import DocumentError

_REFUSALS: dict[str, type[DocumentError]] = {
    refusal.code: refusal
    for refusal in (
        DamagedFileError,
        DocumentBombError,
        EncryptedDocumentError,
        NoTextError,
        NotTextError,
        StrictOpenXmlError,
        UnknownEncodingError,
        WrongContentError,
    )
}


async def read_in_child(
    job: str, document: bytes | Path, limits: ParserLimits
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    """Yield the facts, then every page of a file, or of what a converter made."""
    argv = python_parser("appliance.ingest.extract.child", job, str(limits.unpacked))
    async with stream_parser(argv, document, limits) as parser:
        async for line in parser.lines():
            yield _item(json.loads(line))
    if parser.finished is None or parser.finished.succeeded:
        return
    reason = parser.finished.description
    raise failure(parser.finished, limits) or ParserCrashedError(reason=reason)


def refusal(line: dict[str, Any]) -> DocumentError:
    """Return the error that the child printed."""
    return _REFUSALS[line["error"]](**line["facts"])


def _item(line: dict[str, Any]) -> DocumentFacts | ExtractedPage:
    if "error" in line:
        raise refusal(line)
    if "text" not in line:
        return DocumentFacts(line["title"])
    headings = tuple(Heading(*heading) for heading in line.pop("headings"))
    return ExtractedPage(**line, headings=headings)
