from __future__ import annotations

import subprocess
from contextlib import aclosing
from pathlib import Path

import pytest

from appliance.core.variables import MEBIBYTE
from appliance.ingest.errors import (
    ConverterFailedError,
    DamagedFileError,
    DocumentBombError,
    EncryptedDocumentError,
    NoTextError,
    NotTextError,
    ParserCrashedError,
    ParserTimedOutError,
    ParserTooBigError,
    StrictOpenXmlError,
    TooManyPagesError,
    UnknownEncodingError,
    WrongContentError,
)
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.encoding import WINDOWS_NOTE
from appliance.ingest.extract.page import DocumentFacts, IndexedPage
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import Format
from appliance.library.errors import DocumentError
from tests.builders.documents import (
    LOREM,
    archive_of,
    numbered_word,
    word,
    word_bomb,
    word_with_table,
    written,
)
from tests.unit.ingest.extraction import CRASH, read, read_chunks


async def test_a_word_document_is_read_with_its_title_and_headings(tmp_path: Path) -> None:
    sections = [("Pumps", [LOREM * 4, "Grüße"]), ("Valves", [LOREM * 4])]
    path = word(tmp_path / "0af3.docx", sections, title="Manual")
    facts, pages = await read(path)
    assert facts.title == "Manual"
    assert "Grüße" in pages[0].text
    # The title, with which the first chunk begins, is no part of the paths.
    assert {chunk.heading_path for chunk in await read_chunks(path)} == {(), ("Valves",)}


async def test_a_word_document_without_a_title_is_not_named_after_its_digest(
    tmp_path: Path,
) -> None:
    path = word_with_table(tmp_path / "0af3.docx", [("Name", "City"), ("Ann", "Paris")])
    facts, pages = await read(path)
    assert facts.title is None
    assert pages[0].text == "Name | City\nAnn | Paris"


async def test_a_word_document_keeps_the_numbers_of_its_clauses(tmp_path: Path) -> None:
    path = numbered_word(tmp_path / "a.docx", ["Scope", "Price", "Term"])
    _, pages = await read(path)
    assert pages[0].text == "1. Scope\n2. Price\n3. Term"


async def test_a_long_word_document_becomes_parts(tmp_path: Path) -> None:
    sections = [(f"Section {number}", [LOREM] * 10) for number in range(10)]
    _, pages = await read(word(tmp_path / "a.docx", sections))
    assert len(pages) > 3
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert pages[-1].label == f"part {len(pages)}"


@pytest.mark.parametrize("wanted", ["odt", "rtf"])
async def test_other_office_formats_are_read_the_same_way(tmp_path: Path, wanted: str) -> None:
    source = written(tmp_path / "a.md", "# Pumps\n\nTwo worn bearings.\n")
    path = tmp_path / f"a.{wanted}"
    subprocess.run(("pandoc", "-s", str(source), "-o", str(path)), check=True)
    _, pages = await read(path)
    assert "Two worn bearings." in pages[0].text


@pytest.mark.parametrize(
    "members",
    [
        {
            "META-INF/manifest.xml": '<m:file-entry m:full-path="content.xml"><m:encryption-data/>',
            "content.xml": "\x93\x17",
        },
        {"META-INF/manifest.xml": "<m:manifest/>", "encrypted-package": "\x93\x17"},
    ],
)
async def test_an_odt_document_with_a_password_is_refused(
    tmp_path: Path, members: dict[str, str]
) -> None:
    mimetype = {"mimetype": "application/vnd.oasis.opendocument.text"}
    path = archive_of(tmp_path / "a.odt", mimetype | members)
    with pytest.raises(EncryptedDocumentError, match="password"):
        await read(path)


async def test_a_word_document_that_claims_to_unpack_to_gigabytes_is_refused(
    tmp_path: Path,
) -> None:
    path = word_bomb(tmp_path / "a.docx", 40 * MEBIBYTE)
    assert path.stat().st_size < MEBIBYTE
    with pytest.raises(DocumentBombError, match="more than 32 megabytes"):
        await read(path, ParserLimits(unpacked=32 * MEBIBYTE))


async def test_a_word_document_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = word_bomb(tmp_path / "a.docx", 40 * MEBIBYTE, lying=True)
    with pytest.raises(DocumentBombError):
        await read(path, ParserLimits(unpacked=32 * MEBIBYTE))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["xl/workbook.xml"], "an Excel workbook"),
        (["ppt/slides.xml"], "a PowerPoint presentation"),
        (["photo.jpg"], "a ZIP archive of other files"),
    ],
)
async def test_an_archive_of_another_kind_is_named(
    tmp_path: Path, names: list[str], found: str
) -> None:
    with pytest.raises(WrongContentError, match=f"named .docx, but it holds {found}"):
        await read(archive_of(tmp_path / "a.docx", dict.fromkeys(names, "content")))


async def test_a_word_document_cut_off_in_the_middle_is_refused(tmp_path: Path) -> None:
    whole = word(tmp_path / "a.docx", [("Pumps", [LOREM])]).read_bytes()
    with pytest.raises(DamagedFileError, match="as DOCX"):
        await read(written(tmp_path / "a.docx", whole[: len(whole) // 2]))


async def test_a_word_document_with_a_broken_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="as DOCX"):
        await read(archive_of(tmp_path / "a.docx", {"word/document.xml": "content"}))


async def test_strict_open_xml_is_named_and_not_called_damaged(tmp_path: Path) -> None:
    relationships = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="word/document.xml"'
        ' Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument"/>'
        "</Relationships>"
    )
    members = {"_rels/.rels": relationships, "word/document.xml": "<w:document/>"}
    with pytest.raises(StrictOpenXmlError, match="Strict Open XML"):
        await read(archive_of(tmp_path / "a.docx", members))


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        ("exit 6", ConverterFailedError, "ended with code 6"),
        ("exit 64", DamagedFileError, "damaged or incomplete"),
        ("exit 251", ParserTooBigError, "megabytes of memory"),
        (CRASH, ParserCrashedError, "killed by SIGSEGV"),
        ("exec sleep 60", ParserTimedOutError, "longer than"),
    ],
)
async def test_each_end_of_the_converter_is_told_apart(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    expected: type[DocumentError],
    words: str,
) -> None:
    (tmp_path / "bin").mkdir()
    program = written(tmp_path / "bin" / "pandoc", f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(expected, match=words):
        await read(written(tmp_path / "a.rtf", "{\\rtf1 words}"), ParserLimits(seconds=2))


async def test_text_formats_are_read_in_a_child(tmp_path: Path) -> None:
    for name, content, expected in (
        ("a.html", "<title>T</title><h1>Pumps</h1><p>worn</p>", "Pumps\n\nworn"),
        ("a.md", "# Pumps\n\nworn", "# Pumps\n\nworn"),
        ("a.csv", "Part,State\nPump,worn", "Part: Pump; State: worn"),
        ("a.txt", "Pump: worn", "Pump: worn"),
    ):
        _, pages = await read(written(tmp_path / name, content))
        assert pages == [pages[0]]
        assert pages[0].text == expected


async def test_text_that_is_not_utf8_says_how_it_was_read(tmp_path: Path) -> None:
    _, pages = await read(written(tmp_path / "a.txt", "Ein Café".encode("cp1252")))
    assert (pages[0].text, pages[0].note) == ("Ein Café", WINDOWS_NOTE)


async def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownEncodingError, match="byte 7 is not valid UTF-8"):
        await read(written(tmp_path / "a.txt", b"words \x81\xfe\xff\x90\x8f"))
    with pytest.raises(NotTextError, match="byte 6 is a control character"):
        await read(written(tmp_path / "a.txt", b"words\x01"))


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.html"])
async def test_a_file_of_white_space_has_no_text(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoTextError, match="no text"):
        await read(written(tmp_path / name, " \n\n\t\n"))


async def test_a_parser_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "word " * (20 * MEBIBYTE))
    with pytest.raises(ParserTooBigError, match="more than 128 megabytes") as caught:
        await read(path, ParserLimits(memory=128 * MEBIBYTE))
    assert caught.value.quarantine


async def test_a_converter_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    path = word(tmp_path / "a.docx", [("Pumps", [LOREM * 20] * 900)])
    with pytest.raises(ParserTooBigError):
        await read(path, ParserLimits(memory=64 * MEBIBYTE))


async def test_a_parser_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    path = written(tmp_path / "a.html", "<p>x " * (2 * MEBIBYTE))
    with pytest.raises(ParserTimedOutError):
        await read(path, ParserLimits(seconds=0.3))


async def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", LOREM * 200)
    with pytest.raises(TooManyPagesError, match="more than 2 pages"):
        await read(path, ParserLimits(pages=2))


async def test_leaving_early_ends_the_parser(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", LOREM * 20_000)
    async with aclosing(extract(path, Format.TEXT, ParserLimits())) as items:
        assert isinstance(await anext(items), DocumentFacts)
        assert isinstance(await anext(items), IndexedPage)


async def test_other_documents_are_unaffected_by_a_bad_one(tmp_path: Path) -> None:
    bad = word_bomb(tmp_path / "bad.docx", 40 * MEBIBYTE, lying=True)
    with pytest.raises(DocumentBombError):
        await read(bad, ParserLimits(unpacked=32 * MEBIBYTE))
    _, pages = await read(word(tmp_path / "good.docx", [("Pumps", [LOREM])]))
    assert "bearings" in pages[0].text
