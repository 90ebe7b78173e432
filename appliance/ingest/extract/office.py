"""Read DOCX, ODT and RTF: check the file, convert it to HTML with pandoc, and read that."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from appliance.core.process import Command, Finished
from appliance.core.variables import MEBIBYTE
from appliance.ingest.errors import (
    ConverterFailedError,
    DamagedFileError,
    ParserMisbehavedError,
    ParserTooBigError,
)
from appliance.ingest.extract.child import REFUSED
from appliance.ingest.extract.confined import python_parser, run_parser
from appliance.ingest.extract.page import Record
from appliance.ingest.extract.parser import ParserLimits, failure
from appliance.ingest.extract.records import record_of
from appliance.ingest.extract.text import read_in_child
from appliance.ingest.formats import Format
from appliance.library.errors import DocumentError

_LARGEST_HTML = 64 * MEBIBYTE
# Exit codes of pandoc that mean “this content is not valid”: of XML, of any reader, of a parser,
# of UTF-8 and of a character set. All others are about pandoc itself, such as a wrong option.
_INVALID_CONTENT = frozenset({44, 63, 64, 65, 92, 94})
# Address space of pandoc beside its heap: the program itself is large, and so are its stacks.
_HEADROOM = 512 * MEBIBYTE


async def read_office(
    path: Path, wanted: Format, limits: ParserLimits
) -> AsyncGenerator[Record, None]:
    """Yield the records of the document in parts, because these formats have no pages."""
    child = ("appliance.ingest.extract.child", str(wanted), str(limits.unpacked))
    pandoc = _pandoc(wanted, limits)
    converted = await run_parser(
        python_parser(*child, *pandoc),
        path,
        limits,
        headroom=_HEADROOM,
        output_limit=_LARGEST_HTML,
        converter=pandoc[0],
    )
    if error := failure(converted, limits):
        raise error
    if converted.returncode == REFUSED:
        # It raises the error that the parser has printed.
        record_of(converted.stdout)
        raise ParserMisbehavedError
    if converted.returncode:
        raise _refusal(converted, wanted)
    if len(converted.stdout) == _LARGEST_HTML:
        raise ParserTooBigError(megabytes=_LARGEST_HTML // MEBIBYTE)
    async for record in read_in_child(Format.HTML, converted.stdout, limits):
        yield record


def _refusal(converted: Finished, wanted: Format) -> DocumentError:
    """Return what an exit code of pandoc means for the document."""
    if converted.returncode in _INVALID_CONTENT:
        return DamagedFileError(format=wanted.upper())
    return ConverterFailedError(program="pandoc", reason=converted.description)


def _pandoc(wanted: Format, limits: ParserLimits) -> Command:
    """Return the command line of the converter, which reads its standard input.

    Pandoc's own runtime gets the memory limit, because it reports when the limit is reached. The
    kernel's limit on address space, at which pandoc crashes, is the second line of defence.
    `--sandbox` keeps a document from including other files. Standalone output contains the title,
    which is not part of the body; the page title would be the digest, so it is blank.
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
    )
