from __future__ import annotations

import pytest

from appliance.ingest.errors import UnsupportedTypeError, WrongExtensionError
from appliance.ingest.formats import Format, missing_program, recognise
from appliance.library.errors import EmptyFileError
from tests.builders.documents import picture


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("report.pdf", b"%PDF-1.7\n", Format.PDF),
        ("REPORT.PDF", b"junk before\n%PDF-1.4", Format.PDF),
        ("letter.docx", b"PK\x03\x04....", Format.DOCX),
        ("letter.odt", b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.text", Format.ODT),
        ("letter.rtf", b"{\\rtf1 hello}", Format.RTF),
        ("page.htm", b"<!DOCTYPE html><p>x", Format.HTML),
        ("page.html", b"just words", Format.HTML),
        ("notes.md", b"# %PDF- is how a PDF starts", Format.MARKDOWN),
        ("rows.tsv", b"a\tb\n", Format.CSV),
        ("notes.txt", b"\xff\xfeh\x00i\x00", Format.TEXT),
        ("../../etc/passwd.txt", b"x", Format.TEXT),
    ],
)
def test_it_recognises_a_format_by_name_and_content(
    name: str, head: bytes, expected: Format
) -> None:
    assert recognise(name, head) is expected


def test_it_refuses_an_empty_file() -> None:
    with pytest.raises(EmptyFileError, match="0 bytes"):
        recognise("report.pdf", b"")


def test_it_says_what_a_wrongly_named_file_holds() -> None:
    with pytest.raises(WrongExtensionError) as caught:
        recognise("report.pdf", picture())
    assert caught.value.message == "“report.pdf” is named .pdf, but it holds a PNG picture."
    assert "convert" in caught.value.advice


@pytest.mark.parametrize(
    ("name", "head", "found", "advice"),
    [
        ("a.txt", b"%PDF-1.5", "a PDF document", "ends in .pdf"),
        ("a.pdf", b"<html><body>Not found", "an HTML page", "ends in .html"),
        ("a.docx", b"plain words", "plain text", "ends in .txt"),
        ("a.docx", b"{\\rtf1", "an RTF document", "ends in .rtf"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old or encrypted", "real .docx"),
        ("a.docx", b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.text", "ODT", ".odt"),
        ("a.pdf", b"PK\x03\x04", "a ZIP archive", "real .pdf"),
        ("a.csv", b"SQLite format 3\x00", "an SQLite database", "real .csv"),
        ("a.md", b"\x00\x01\x02", "data of an unknown kind", "real .md"),
    ],
)
def test_it_refuses_content_of_another_kind(
    name: str, head: bytes, found: str, advice: str
) -> None:
    with pytest.raises(WrongExtensionError) as caught:
        recognise(name, head)
    assert found in caught.value.message
    assert advice in caught.value.advice


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("old.doc", "Save it as .docx."), ("sheet.xlsx", "as .csv"), ("README", "Convert it")],
)
def test_it_refuses_other_types_and_lists_what_it_reads(name: str, remedy: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        recognise(name, b"content")
    assert remedy in caught.value.advice
    assert ".pdf" in caught.value.advice


def test_a_file_name_of_300_characters_keeps_the_sentence_short() -> None:
    with pytest.raises(WrongExtensionError) as caught:
        recognise("<b>{name}</b>'\"" + "x" * 300 + ".pdf", b"text")
    assert len(caught.value.message) < 140
    assert caught.value.message.startswith("“<b>{name}</b>")


def test_it_names_the_debian_package_of_a_missing_program() -> None:
    missing = missing_program(Format.PDF, {"pandoc"})
    assert missing is not None
    assert "poppler-utils" in missing.advice
    assert missing_program(Format.DOCX, {"pandoc"}) is None
    assert missing_program(Format.TEXT, ()) is None
