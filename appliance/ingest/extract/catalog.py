"""Every format and its reader: the entry point of extraction."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from appliance.core.process import ProgramMissingError
from appliance.ingest.errors import TooManyPagesError
from appliance.ingest.extract.office import read_office
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.extract.pdf import read_pdf
from appliance.ingest.extract.text import read_in_child
from appliance.ingest.formats import Format, missing_program


async def extract(
    path: Path, wanted: Format, limits: ParserLimits
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    """Yield DocumentFacts first, then every page in order, numbered from 1.

    Raises DocumentError: before anything was yielded, or after some pages. Use
    `contextlib.aclosing` if you may stop early, so that the parser ends at once.
    """
    try:
        async with aclosing(_reader(path, wanted, limits)) as items:
            async for item in items:
                if isinstance(item, ExtractedPage) and item.number > limits.pages:
                    raise TooManyPagesError(limit=limits.pages)
                yield item
    except ProgramMissingError as error:
        raise (missing_program(wanted, ()) or error) from error


def _reader(
    path: Path, wanted: Format, limits: ParserLimits
) -> AsyncGenerator[DocumentFacts | ExtractedPage, None]:
    match wanted:
        case Format.PDF:
            return read_pdf(path, limits)
        case Format.DOCX | Format.ODT | Format.RTF:
            return read_office(path, wanted, limits)
        case Format.HTML | Format.MARKDOWN | Format.CSV | Format.TEXT:
            return read_in_child(wanted, path, limits)
