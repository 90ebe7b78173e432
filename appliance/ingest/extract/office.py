"""DOCX, ODT and RTF: checked, converted to HTML by pandoc, and read as such."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from appliance.core.process import Command, run
from appliance.ingest.errors import DamagedFileError, ParserTooBigError
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage
from appliance.ingest.extract.parser import MEBIBYTE, ParserLimits, failure
from appliance.ingest.extract.text import read_in_child
from appliance.ingest.formats import Format

_LARGEST_HTML = 64 * MEBIBYTE


async def read_office(
    path: Path, wanted: Format, limits: ParserLimits
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    """Yield the facts, then the document in parts: these formats have no pages of their own."""
    if wanted is not Format.RTF:
        async for _ in read_in_child(f"check-{wanted}", path, limits):
            pass
    converted = await run(
        _pandoc(path, wanted, limits),
        timeout=limits.seconds,
        limits=limits.process,
        output_limit=_LARGEST_HTML,
    )
    if error := failure(converted, limits):
        raise error
    if converted.returncode:
        raise DamagedFileError(format=wanted.upper())
    if len(converted.stdout) == _LARGEST_HTML:
        raise ParserTooBigError(megabytes=_LARGEST_HTML // MEBIBYTE)
    async for item in read_in_child(Format.HTML, path, limits, converted.stdout):
        yield item


def _pandoc(path: Path, wanted: Format, limits: ParserLimits) -> Command:
    """Return the command line.

    The heap limit of pandoc's own runtime comes first: its allocator reserves address space
    in large steps, so the kernel's limit alone would hit small documents and tell nothing.
    `--sandbox` keeps a document from naming other files to be read. Standalone output keeps
    the title, which is not part of the body; the page title would be the digest, so it is blank.
    """
    heap = limits.memory * 3 // 4
    return (
        *("pandoc", "+RTS", f"-M{heap}", "-RTS", "--sandbox", f"--from={wanted}", "--to=html"),
        *("--standalone", "--wrap=none", "--variable=pagetitle= "),
        str(path),
    )
