"""Start parsers within limits, with the document as their standard input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.core.process import OUTPUT_LIMIT, Command, Finished, Stream, run, stream
from appliance.core.python import module_command, module_environment
from appliance.ingest.extract.parser import ParserLimits

# The path of its document, for a program that wants one.
DOCUMENT = "/dev/stdin"


async def run_parser(
    argv: Command,
    document: bytes | Path,
    limits: ParserLimits,
    *,
    headroom: int = 0,
    output_limit: int = OUTPUT_LIMIT,
) -> Finished:
    """Run a parser to its end, and return what it wrote. Raises ProgramMissingError."""
    named = tuple(str(document) if word == DOCUMENT else word for word in argv)
    return await run(
        named,
        timeout=limits.seconds,
        limits=limits.process(headroom),
        stdin=await _content(document),
        env=module_environment(),
        output_limit=output_limit,
    )


@asynccontextmanager
async def stream_parser(
    argv: Command, document: bytes | Path, limits: ParserLimits
) -> AsyncIterator[Stream]:
    """Start a parser, lend its lines; on leaving the block `finished` says how it ended."""
    async with stream(
        argv,
        timeout=limits.seconds,
        limits=limits.process(),
        stdin=await _content(document),
        env=module_environment(),
    ) as parser:
        yield parser


def python_parser(module: str, *arguments: str) -> Command:
    """Return the command line of a parser that is a module of ours."""
    return module_command(module, *arguments)


async def _content(document: bytes | Path) -> bytes:
    if isinstance(document, bytes):
        return document
    return await asyncio.to_thread(document.read_bytes)
