# ruff: noqa: RUF001 - text of many scripts is what is tested
from __future__ import annotations

import pytest

from appliance.ingest.extract.clean import clean, one_line
from appliance.ingest.extract.reflow import has_columns_of_prose, reflow
from appliance.ingest.extract.sections import numbered_headings

FULL = "This line of running text is as long as the column is wide here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x1b[0m", "ab[0m"),
        ("e\u0301", "é"),
        ("of\ufb01ce", "office"),
        ("soft\u00adhyphen and\u200bzero", "softhyphen andzero"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a  \n\n\n\n  b", "a\n\n  b"),
        ("\ud800x\ufeff", "x"),
        ("\u202egpj.exe", "gpj.exe"),
        ("كتاب\u200cها", "كتاب\u200cها"),
    ],
)
def test_it_keeps_what_can_be_stored_and_seen(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_title_is_one_line() -> None:
    assert one_line(" The \n title\x00\t here ") == "The title here"


def test_lines_of_a_paragraph_are_joined() -> None:
    assert reflow(f"{FULL}\n{FULL}\nand ends.\n\nNext.") == f"{FULL} {FULL} and ends.\n\nNext."


def test_lines_of_chinese_are_joined_without_a_space() -> None:
    chinese = "根据本合同第二条的规定供应商应当在交货前三十天内以书面形式通知采购方其办事处设在北"
    assert reflow(f"{chinese}\n京市朝阳区。") == f"{chinese}京市朝阳区。"
    assert reflow(f"{chinese}\nBeijing") == f"{chinese} Beijing"


def test_an_indented_line_starts_a_paragraph() -> None:
    assert reflow(f"{FULL}\n    {FULL}\n{FULL}") == f"{FULL}\n\n{FULL} {FULL}"


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [
        ("rehabili-", "tation", "rehabilitation"),
        ("Vor-", "und Nachteile", "Vor- und Nachteile"),
        ("Anglo-", "Saxon", "Anglo- Saxon"),
        ("1914-", "1918", "1914- 1918"),
    ],
)
def test_words_cut_at_the_end_of_a_line_are_whole_again(
    end: str, start: str, expected: str
) -> None:
    assert reflow(f"{FULL} {end}\n{start} follows.").endswith(f" {expected} follows.")


def test_a_hyphen_that_the_page_uses_elsewhere_stays() -> None:
    page = f"A well-known fact.\n\n{FULL} well-\nknown."
    assert reflow(page).endswith("here well-known.")


def test_rows_of_a_form_keep_their_lines_and_cells() -> None:
    page = "Aircraft:         Reims F172          Damage:     Destroyed\nRegistration:     F-BVIF"
    assert reflow(page) == ("Aircraft:  Reims F172  Damage:  Destroyed\nRegistration:  F-BVIF")


def test_items_of_a_list_stay_apart_and_their_lines_are_joined() -> None:
    page = f"•   {FULL}\n    and more.\n•   {FULL}\n1.  {FULL}\nb)  {FULL}"
    assert len(reflow(page).split("\n")) == 4
    assert "here and more." in reflow(page)


def test_double_spacing_is_undone() -> None:
    assert reflow("\n\n".join([FULL] * 10)) == " ".join([FULL] * 10)


def test_leaders_and_rules_are_not_text() -> None:
    page = "Introduction ................ 9\n________________________\nScope . . . . . . . . . 10"
    assert reflow(page) == "Introduction … 9\n\nScope … 10"


def test_an_empty_page_stays_empty() -> None:
    assert reflow(" \n \n") == ""


def test_columns_of_a_paper_are_told_from_a_form() -> None:
    paper = f"{FULL}        {FULL}\n" * 10
    form = "Aircraft Make:      Reims       Registration:    F-BVIF\n" * 10
    assert has_columns_of_prose(paper)
    assert not has_columns_of_prose(form)
    assert not has_columns_of_prose("")


def test_numbered_headings_are_found_and_list_items_are_not() -> None:
    text = (
        "1 INTRODUCTION\n\n1.1  Purpose of the study\nText.\n\n1. Male or female of any age\n"
        "2.1  Outcome  Yes  No\n3.4 mg were given.\n4.1 Scope … 9\n10.2.3. Skin biopsy (optional)"
    )
    found = [(heading.level, heading.title) for heading in numbered_headings(text)]
    assert found == [
        (1, "1 INTRODUCTION"),
        (2, "1.1 Purpose of the study"),
        (3, "10.2.3 Skin biopsy (optional)"),
    ]
    assert all(text[heading.offset].isdigit() for heading in numbered_headings(text))
