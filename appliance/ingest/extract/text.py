"""Read HTML, Markdown, CSV and text in a child process, and receive their pages."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from appliance.core.process import Command, stream
from appliance.core.python import module_command, module_environment
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
    job: str, path: Path, limits: ParserLimits, content: bytes | None = None
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    """Yield the facts, then every page; `content`, if given, is read instead of the file."""
    argv: Command = (
        *module_command("appliance.ingest.extract.child"),
        *(job, "-" if content is not None else str(path), str(limits.unpacked)),
    )
    async with stream(
        argv,
        timeout=limits.seconds,
        limits=limits.process(),
        stdin=content,
        env=module_environment(),
    ) as parser:
        async for line in parser.lines():
            yield _item(json.loads(line))
    if parser.finished is None or parser.finished.succeeded:
        return
    reason = parser.finished.description
    raise failure(parser.finished, limits) or ParserCrashedError(reason=reason)


def _item(line: dict[str, Any]) -> DocumentFacts | ExtractedPage:
    if "error" in line:
        raise _REFUSALS[line["error"]](**line["facts"])
    if "text" not in line:
        return DocumentFacts(line["title"])
    headings = tuple(Heading(*heading) for heading in line.pop("headings"))
    return ExtractedPage(**line, headings=headings)
