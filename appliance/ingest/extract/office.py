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
# Address space of pandoc beside its heap: the program itself is large, and so are its stacks.
_HEADROOM = 512 * MEBIBYTE


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
        limits=limits.process(_HEADROOM),
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

    The memory limit goes to pandoc's own runtime, which reports when it is reached; the kernel's
    limit on address space, which it would answer with a crash, is only the second fence.
    `--sandbox` keeps a document from naming other files to be read. Standalone output keeps
    the title, which is not part of the body; the page title would be the digest, so it is blank.
    """
    return (
        *(
            "pandoc",
            "+RTS",
            f"-M{limits.memory}",
            "-RTS",
            "--sandbox",
            f"--from={wanted}",
            "--to=html",
        ),
        *("--standalone", "--wrap=none", "--variable=pagetitle= "),
        str(path),
    )
