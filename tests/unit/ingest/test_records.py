"""What a parser process sends is checked before it is used: a document may control it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from appliance.ingest.errors import (
    DocumentBombError,
    DocumentTooLongError,
    ParserCrashedError,
    ParserMisbehavedError,
    TooManyPagesError,
)
from appliance.ingest.extract import text
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.page import (
    PAGE_CHARACTERS,
    RECORD_CHARACTERS,
    ColumnsFound,
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    Heading,
    IndexedChunk,
    IndexedPage,
    Record,
)
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.extract.records import error_line, line_of, record_of
from appliance.ingest.formats import Format
from appliance.library.errors import DocumentError
from appliance.library.page_state import PageState

CHUNK = IndexedChunk(0, 5, ("Pumps", "Valves"), "pumps valves", "words")
PAGE = IndexedPage(ExtractedPage(1, "words and more", "part 1", note="a note"), (CHUNK,))


def page(**changes: Any) -> bytes:
    """Return the line of a page, with fields as no honest parser writes them."""
    return json.dumps(json.loads(line_of(PAGE)) | changes).encode()


@pytest.mark.parametrize(
    "record",
    [
        PAGE,
        IndexedPage(ExtractedPage(7, "", state=PageState.FAILED, note="It crashed.")),
        DocumentFacts("The plan", 3),
        DocumentFacts(),
        DocumentEnd("german"),
        DocumentEnd("simple", (Heading(0, 1, "Pumps"), Heading(0, 2, "Valves"))),
        ColumnsFound(),
    ],
)
def test_a_record_arrives_as_it_was_sent(record: Record) -> None:
    assert record_of(line_of(record)) == record


@pytest.mark.parametrize(
    "error",
    [
        DocumentBombError(limit=512),
        TooManyPagesError(limit=10),
        ParserCrashedError(reason="killed by SIGSEGV"),
    ],
)
def test_an_error_arrives_with_its_words(error: DocumentError) -> None:
    with pytest.raises(type(error)) as caught:
        record_of(error_line(error))
    assert (caught.value.message, caught.value.advice) == (error.message, error.advice)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"text": 1}',
        page(text="a\0b"),
        page(text="\ud800"),
        page(text="x" * (PAGE_CHARACTERS + 1)),
        page(number=0),
        page(number=-1),
        page(number=2**31),
        page(number=1.0),
        page(number=True),
        page(number="1"),
        page(state="stolen"),
        page(label="x" * 1000),
        page(label="\0"),
        page(note=["note"]),
        page(chunks=None),
        page(chunks=[[0, 5]]),
        page(chunks=[[-1, 5, [], "", ""]]),
        page(chunks=[[5, 5, [], "", ""]]),
        page(chunks=[[9, 5, [], "", ""]]),
        page(chunks=[[0, 15, [], "", ""]]),
        page(chunks=[[0, 5, [], "", ""], [4, 9, [], "", ""]]),
        page(chunks=[[0, 5, "path", "", ""]]),
        page(chunks=[[0, 5, ["x"] * 17, "", ""]]),
        page(chunks=[[0, 5, ["x" * 501], "", ""]]),
        page(chunks=[[0, 5, [1], "", ""]]),
        page(chunks=[[0, 5, [], None, ""]]),
        page(chunks=[[0, 5, [], "\0", ""]]),
        page(chunks=[[0, 5, [], "x" * (RECORD_CHARACTERS + 1), ""]]),
        page(chunks=[[at, at + 1, [], "x" * (RECORD_CHARACTERS // 2), ""] for at in range(3)]),
        b'{"language": "english"}',
        b'{"language": "klingon", "open": []}',
        b'{"language": ["english"], "open": []}',
        b'{"language": "english", "open": [[1]]}',
        b'{"language": "english", "open": [[-1, "x"]]}',
        b'{"language": "english", "open": [[1, 2]]}',
        b'{"language": "english", "open": {"1": "x"}}',
        b'{"title": "a", "page_count": -1}',
        b'{"title": "a", "page_count": "3"}',
        b'{"title": 3, "page_count": null}',
        b'{"error": "SystemExit", "facts": {}}',
        b'{"error": "DocumentBombError", "facts": {}}',
        b'{"error": "DocumentBombError", "facts": {"limit": ["x"]}}',
        b'{"error": "DocumentBombError", "facts": {"limit": "\\u0000"}}',
        b'{"error": "NoTextError", "facts": 1}',
    ],
)
def test_a_line_that_no_parser_prints_is_refused(line: bytes) -> None:
    with pytest.raises(ParserMisbehavedError) as caught:
        record_of(line)
    assert caught.value.quarantine


def _parser(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the parser process by a script, as a document that took it over would."""
    program = tmp_path / "parser"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(text, "python_parser", lambda *_: (str(program),))
    return program


async def _read(path: Path, limits: ParserLimits | None = None) -> list[Record]:
    return [record async for record in extract(path, Format.TEXT, limits or ParserLimits())]


def _printed(*lines: bytes) -> str:
    # With the shell's own command: a parser starts no process.
    return "\n".join(f"printf '%s\\n' {shlex.quote(line.decode().strip())}" for line in lines)


FACTS, END = line_of(DocumentFacts("The plan")), line_of(DocumentEnd("english"))


async def test_pages_have_to_come_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _parser(_printed(FACTS, page(), page(), END), tmp_path, monkeypatch)
    with pytest.raises(ParserMisbehavedError):
        await _read(path)
    path = _parser(_printed(FACTS, page(), page(number=2), END), tmp_path, monkeypatch)
    assert len(await _read(path)) == 4


async def test_a_document_without_its_end_was_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _parser(_printed(FACTS, page()), tmp_path, monkeypatch)
    with pytest.raises(ParserMisbehavedError):
        await _read(path)


async def test_a_document_has_a_limit_of_text_and_search_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _parser(_printed(FACTS, page(), page(number=2), END), tmp_path, monkeypatch)
    size = len(PAGE.page.text) + CHUNK.size
    assert len(await _read(path, ParserLimits(characters=2 * size))) == 4
    with pytest.raises(DocumentTooLongError):
        await _read(path, ParserLimits(characters=2 * size - 1))


async def test_a_line_without_an_end_ends_the_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _parser("exec cat /dev/zero", tmp_path, monkeypatch)
    with pytest.raises(DocumentError) as caught:
        await _read(path)
    assert caught.value.quarantine
