from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.ingest.errors import (
    DamagedFileError,
    EncryptedDocumentError,
    MissingLanguageDataError,
    MissingProgramError,
    OnlyPicturesError,
    ParserCrashedError,
    ParserTimedOutError,
    TooManyPagesError,
)
from appliance.ingest.extract.parser import ParserLimits
from appliance.library.page_state import PageState
from tests.builders.documents import chinese_pdf, damaged_pdf, pdf, scanned_pdf, two_column_pdf
from tests.unit.ingest.extraction import CRASH, read, read_chunks


async def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", ["First page.", "Zweite Seite: Grüße.", "3"], title="The plan")
    facts, pages = await read(path)
    assert (facts.title, facts.page_count) == ("The plan", 3)
    assert [page.text for page in pages] == ["First page.", "Zweite Seite: Grüße.", "3"]
    assert [page.number for page in pages] == [1, 2, 3]


async def test_more_pages_than_one_range_stay_in_order(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", [f"This is page {number}." for number in range(1, 71)])
    _, pages = await read(path)
    assert [page.text for page in pages] == [f"This is page {page.number}." for page in pages]
    assert len(pages) == 70


async def test_an_empty_page_is_a_row_of_the_ledger(tmp_path: Path) -> None:
    _, pages = await read(pdf(tmp_path / "a.pdf", ["Text.", "", "More."]))
    assert [page.state for page in pages] == [PageState.READ, PageState.EMPTY, PageState.READ]
    assert [bool(page.note) for page in pages] == [False, True, False]


async def test_numbered_headings_are_found(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", ["1.1 Purpose of the study\nIt is long."])
    assert [chunk.heading_path for chunk in await read_chunks(path)] == [
        ("1.1 Purpose of the study",)
    ]


async def test_a_heading_stays_open_in_the_next_range_of_pages(tmp_path: Path) -> None:
    pages = ["1.1 Purpose of the study", *(f"This is page {number}." for number in range(40))]
    chunks = await read_chunks(pdf(tmp_path / "a.pdf", pages))
    assert {chunk.heading_path for chunk in chunks} == {("1.1 Purpose of the study",)}


async def test_a_title_that_is_a_file_name_is_no_title(tmp_path: Path) -> None:
    facts, _ = await read(pdf(tmp_path / "a.pdf", ["x"], title="Microsoft Word - report.doc"))
    assert facts.title is None


async def test_columns_of_prose_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"left column line {number} of the paper" for number in range(20)]
    right = [f"right column line {number} of the paper" for number in range(20)]
    _, pages = await read(two_column_pdf(tmp_path / "a.pdf", left, right))
    assert pages[0].text.index("left column line 19") < pages[0].text.index("right column line 0")


async def test_an_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncryptedDocumentError, match="password"):
        await read(pdf(tmp_path / "a.pdf", ["secret"], password="open sesame"))


async def test_a_damaged_pdf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="cannot be opened as PDF"):
        await read(damaged_pdf(tmp_path / "a.pdf"))


async def test_a_scan_says_that_it_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(OnlyPicturesError) as caught:
        await read(scanned_pdf(tmp_path / "a.pdf", pages=2))
    assert "holds only pictures of pages (2 in all)" in caught.value.message
    assert caught.value.code == "no_text"


async def test_too_many_pages_are_refused_before_any_is_read(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", ["x"] * 4)
    with pytest.raises(TooManyPagesError, match="more than 3 pages"):
        await read(path, ParserLimits(pages=3))


def _install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program before the real ones in the search path."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_a_page_that_crashes_the_parser_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", [f"Page {number}." for number in range(1, 6)])
    real = "/usr/bin/pdftotext"
    # $3 and $5 are the first and the last page: a range with page 3 in it dies.
    script = f'[ "$3" -le 3 ] && [ "$5" -ge 3 ] && {CRASH}; exec {real} "$@"'
    _install(tmp_path, "pdftotext", script, monkeypatch)
    _, pages = await read(path)
    assert [page.number for page in pages] == [1, 2, 3, 4, 5]
    assert [page.state is PageState.READ for page in pages] == [True, True, False, True, True]
    assert pages[2].state is PageState.FAILED
    assert "SIGSEGV" in (pages[2].note or "")


async def test_chinese_in_a_standard_font_is_read_or_the_missing_package_is_named(
    tmp_path: Path,
) -> None:
    path = chinese_pdf(tmp_path / "a.pdf", "办事处设在北京市")
    if Path("/usr/share/poppler").is_dir():
        _, [page] = await read(path)
        assert page.text == "办事处设在北京市"
        return
    with pytest.raises(MissingLanguageDataError) as caught:
        await read(path)
    assert "poppler-data" in caught.value.advice


async def test_a_page_whose_characters_cannot_be_told_is_no_picture_and_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", [f"Page {number}." for number in range(1, 6)])
    complaint = "Syntax Error: Missing language pack for 'Adobe-Japan1' mapping"
    # $3 and $5 are the first and the last page.
    script = f'[ "$3" -le 3 ] && [ "$5" -ge 3 ] && echo "{complaint}" >&2'
    _install(tmp_path, "pdftotext", f'{script}; exec /usr/bin/pdftotext "$@"', monkeypatch)
    _, pages = await read(path)
    assert [page.state is PageState.READ for page in pages] == [True, True, False, True, True]
    assert pages[2].state is PageState.FAILED
    assert "Japanese" in (pages[2].note or "")


async def test_a_form_feed_inside_a_page_does_not_shift_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", ["One.", "Two.", "Three."])
    printed = ("One.", "T\\fwo.", "Three.")
    # $3 and $5 are the first and the last page.
    lines = (
        f'[ "$3" -le {number} ] && [ "$5" -ge {number} ] && printf "{page}\\f"'
        for number, page in enumerate(printed, start=1)
    )
    _install(tmp_path, "pdftotext", "; ".join((*lines, "true")), monkeypatch)
    _, pages = await read(path)
    assert [page.text for page in pages] == ["One.", "T\nwo.", "Three."]


async def test_a_pdf_that_crashes_the_parser_on_every_page_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", ["x"] * 40)
    _install(tmp_path, "pdftotext", CRASH, monkeypatch)
    with pytest.raises(ParserCrashedError) as caught:
        await read(path)
    assert caught.value.quarantine


async def test_a_parser_that_hangs_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", ["x"])
    _install(tmp_path, "pdfinfo", "exec sleep 60", monkeypatch)
    with pytest.raises(ParserTimedOutError, match=r"longer than 0.2 seconds") as caught:
        await read(path, ParserLimits(seconds=0.2))
    assert caught.value.quarantine


async def test_without_poppler_the_debian_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pdf(tmp_path / "a.pdf", ["x"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match="pdfinfo is not installed") as caught:
        await read(path)
    assert "poppler-utils" in caught.value.advice
