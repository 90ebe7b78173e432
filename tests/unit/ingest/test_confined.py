"""Every parser is started in one place, with its document as its standard input."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from appliance.core.process import ProgramMissingError
from appliance.ingest.extract.confined import (
    DOCUMENT,
    parser_confinement,
    python_parser,
    run_parser,
    stream_parser,
)
from appliance.ingest.extract.parser import ParserLimits
from tests.builders.documents import written

INGEST = Path(__file__).parents[3] / "appliance" / "ingest"


def imported(path: Path) -> set[str]:
    return {
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def test_no_other_module_of_ingest_starts_a_program() -> None:
    starting = {f"appliance.core.process.{name}" for name in ("run", "stream", "spawn")}
    found = {path.name for path in INGEST.rglob("*.py") if imported(path) & starting}
    assert found == {"confined.py"}


async def test_a_document_is_the_standard_input_and_can_be_opened_again(tmp_path: Path) -> None:
    document = written(tmp_path / "a", "the document")
    for argv in (("cat",), ("cat", DOCUMENT)):
        assert (await run_parser(argv, document, ParserLimits())).stdout == b"the document"


async def test_what_a_converter_made_is_a_document_too(tmp_path: Path) -> None:
    converted = b"words\n" * 1_000_000
    async with stream_parser(("cat",), converted, ParserLimits()) as parser:
        assert [line async for line in parser.lines()] == [b"words"] * 1_000_000


async def test_a_document_can_be_read_from_any_place_and_its_end_is_known() -> None:
    program = "import os; print(os.fstat(0).st_size, os.pread(0, 3, 6))"
    finished = await run_parser((sys.executable, "-c", program), b"words and more", ParserLimits())
    assert finished.stdout == b"14 b'and'\n"


async def test_a_program_outside_of_the_system_folders_can_be_a_parser(tmp_path: Path) -> None:
    program = written(tmp_path / "parser", "#!/bin/sh\nexec cat\n")
    program.chmod(0o755)
    finished = await run_parser((str(program),), b"words", ParserLimits())
    assert finished.stdout == b"words"


async def test_a_missing_converter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match="no-such-converter"):
        await run_parser(("cat",), b"", ParserLimits(), converter="no-such-converter")


async def test_a_module_runs_without_a_look_at_the_folder_of_the_data() -> None:
    """In a clone the data lies beside the code."""
    argv = python_parser("appliance.ingest.extract.child", "text", "1000")
    finished = await run_parser(argv, b"words", ParserLimits())
    assert b'"text": "words"' in finished.stdout
    clone = INGEST.parent.parent
    assert not any(clone.is_relative_to(folder) for folder in parser_confinement().folders)
