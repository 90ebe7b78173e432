"""Have a parser process of ours read a document, and check what it sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from appliance.ingest.errors import ParserCrashedError, ParserMisbehavedError
from appliance.ingest.extract.confined import python_parser, stream_parser
from appliance.ingest.extract.page import Record
from appliance.ingest.extract.parser import ParserLimits, failure
from appliance.ingest.extract.records import LONGEST_LINE, record_of


async def read_in_child(
    job: str, document: bytes | Path, limits: ParserLimits
) -> AsyncGenerator[Record, None]:
    """Yield the records of a file, or of what a converter made."""
    argv = python_parser("appliance.ingest.extract.child", job, str(limits.unpacked))
    async with stream_parser(argv, document, limits) as parser:
        async for line in parser.lines():
            if len(line) > LONGEST_LINE:
                raise ParserMisbehavedError
            yield record_of(line)
            # More lines may have arrived: others take their turn between them.
            await asyncio.sleep(0)
    if parser.finished is None or parser.finished.succeeded:
        return
    reason = parser.finished.description
    raise failure(parser.finished, limits) or ParserCrashedError(reason=reason)
