"""Every format and its parser: the entry point of extraction."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from appliance.core.process import ProgramMissingError
from appliance.ingest.errors import (
    DocumentTooLongError,
    ParserMisbehavedError,
    ParserTimedOutError,
    TooManyPagesError,
)
from appliance.ingest.extract.office import read_office
from appliance.ingest.extract.page import DocumentEnd, IndexedPage, Record
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.extract.pdf import read_pdf
from appliance.ingest.extract.text import read_in_child
from appliance.ingest.formats import Format, missing_program


async def extract(path: Path, wanted: Format, limits: ParserLimits) -> AsyncGenerator[Record, None]:
    """Yield the facts, then every page in order, numbered from 1, then the end.

    Nothing here looks at the text: the parsers have done all that depends on it. Raises
    DocumentError: before anything was yielded, or after some pages. Use `contextlib.aclosing` if
    you may stop early, so that the parser ends at once.
    """
    bounds = _Bounds(limits, deadline=time.monotonic() + limits.total_seconds)
    record: Record | None = None
    try:
        async with aclosing(_reader(path, wanted, limits)) as records:
            async for record in records:
                bounds.check(record)
                yield record
    except ProgramMissingError as error:
        raise (missing_program(wanted, ()) or error) from error
    if not isinstance(record, DocumentEnd):
        raise ParserMisbehavedError


@dataclass(slots=True)
class _Bounds:
    """What a document has used of its limits so far."""

    limits: ParserLimits
    deadline: float
    pages: int = 0
    characters: int = 0

    def check(self, record: Record) -> None:
        """Count a record. Raises DocumentError if it is one too many, or not the next page."""
        if time.monotonic() > self.deadline:
            raise ParserTimedOutError(seconds=f"{self.limits.total_seconds:g}")
        if not isinstance(record, IndexedPage):
            return
        self.pages += 1
        self.characters += record.size
        if record.page.number != self.pages:
            raise ParserMisbehavedError
        if self.pages > self.limits.pages:
            raise TooManyPagesError(limit=self.limits.pages)
        if self.characters > self.limits.characters:
            raise DocumentTooLongError(millions=self.limits.characters // 1_000_000)


def _reader(path: Path, wanted: Format, limits: ParserLimits) -> AsyncGenerator[Record, None]:
    match wanted:
        case Format.PDF:
            return read_pdf(path, limits)
        case Format.DOCX | Format.ODT | Format.RTF:
            return read_office(path, wanted, limits)
        case Format.HTML | Format.MARKDOWN | Format.CSV | Format.TEXT:
            return read_in_child(wanted, path, limits)
