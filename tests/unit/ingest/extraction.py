"""Reading a whole document in one call, for tests."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.page import (
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    IndexedChunk,
    IndexedPage,
)
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import HEAD_SIZE, recognise

# A line of a shell script that crashes: a confined program may not signal, on older kernels not
# even itself.
CRASH = f"exec {sys.executable} -c 'import ctypes; ctypes.string_at(0)'"


async def read_chunks(path: Path) -> list[IndexedChunk]:
    """Recognise and extract `path`; return the chunks of all its pages."""
    wanted = recognise(path.name, path.read_bytes()[:HEAD_SIZE])
    records = [record async for record in extract(path, wanted, ParserLimits())]
    return [each for record in records if isinstance(record, IndexedPage) for each in record.chunks]


async def read(
    path: Path, limits: ParserLimits | None = None
) -> tuple[DocumentFacts, list[ExtractedPage]]:
    """Recognise and extract `path`; return its facts and all its pages."""
    wanted = recognise(path.name, path.read_bytes()[:HEAD_SIZE])
    records = [record async for record in extract(path, wanted, limits or ParserLimits())]
    facts, *pages, end = records
    assert isinstance(facts, DocumentFacts)
    assert isinstance(end, DocumentEnd)
    return facts, [record.page for record in pages if isinstance(record, IndexedPage)]
