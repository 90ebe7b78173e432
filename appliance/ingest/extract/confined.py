"""Start parsers: confined, within limits, with the document as their standard input.

A parser can read its document and the programs and data of the machine that every program needs.
It writes no file, has no socket, starts no process and reaches no other one.
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path

from appliance.core.confinement import Confinement
from appliance.core.process import (
    OUTPUT_LIMIT,
    Command,
    Finished,
    PythonModule,
    Stream,
    environment,
    find_program,
    run,
    stream,
)
from appliance.core.python import OWN_CODE
from appliance.ingest.extract.parser import ParserLimits

# The path of its document, for a program that wants one.
DOCUMENT = "/dev/stdin"
# The account of a parser has more tasks than one already, so that it can start none.
_NO_FURTHER_TASKS = 1
_ROOT = Path("/")
_FOLDERS = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share", "/bin", "/lib", "/lib64")
_LINKER_CACHE = "/etc/ld.so.cache"


async def run_parser(
    argv: Command | PythonModule,
    document: bytes | Path,
    limits: ParserLimits,
    *,
    headroom: int = 0,
    output_limit: int = OUTPUT_LIMIT,
    converter: str | None = None,
) -> Finished:
    """Run a parser to its end, and return what it wrote.

    `converter` is a program that the parser turns itself into; it may have threads. Raises
    ProgramMissingError.
    """
    allowed = replace(limits.process(headroom), tasks=_NO_FURTHER_TASKS)
    confinement = parser_confinement()
    if converter is not None:
        allowed = replace(allowed, tasks=limits.tasks)
        program = await find_program(converter, environment())
        confinement = replace(confinement, files=(*confinement.files, program))
    return await run(
        argv,
        timeout=limits.seconds,
        limits=allowed,
        stdin=document,
        cwd=_ROOT,
        output_limit=output_limit,
        confinement=confinement,
    )


def stream_parser(
    argv: Command | PythonModule, document: bytes | Path, limits: ParserLimits
) -> AbstractAsyncContextManager[Stream]:
    """Start a parser, lend its lines; on leaving the block `finished` says how it ended."""
    return stream(
        argv,
        timeout=limits.seconds,
        limits=replace(limits.process(), tasks=_NO_FURTHER_TASKS),
        stdin=document,
        cwd=_ROOT,
        confinement=parser_confinement(),
    )


def python_parser(module: str, *arguments: str) -> PythonModule:
    """Return a parser that is a module of ours: its `main` gets the arguments."""
    return PythonModule(module, arguments)


@cache
def parser_confinement() -> Confinement:
    """Return what every parser may read beside its document, on this machine."""
    base = Path(sys.base_prefix)
    folders = [Path(name) for name in _FOLDERS]
    folders += [base / "bin", base / "lib", OWN_CODE.parent]
    if sys.prefix != sys.base_prefix:
        folders.append(Path(sys.prefix))
    return Confinement(tuple(dict.fromkeys(folders)), files=(Path(_LINKER_CACHE),))
