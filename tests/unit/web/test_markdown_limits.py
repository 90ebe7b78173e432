"""What an answer may become is bounded, whatever it says; and no text of it is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from appliance.web.markdown import split_and_render, to_html
from appliance.web.markdown_limits import (
    LARGEST_HTML,
    LONGEST_TEXT,
    MOST_COLUMNS,
    MOST_NESTING,
    MOST_ROWS,
    Allowance,
)

WIDE = "|a" * 200 + "\n" + "|-" * 200 + "\n" + "|\n" * 327


def table(columns: int, rows: int, cell: str = "") -> str:
    return f"{'|a' * columns}|\n{'|-' * columns}|\n" + f"|{cell}\n" * rows


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(to_html(text), "html.parser")


def test_a_table_that_is_too_wide_stays_text() -> None:
    page = soup(WIDE)
    assert not page.find_all("table")
    assert page.text.count("|a") == 200


def test_a_table_at_the_limits_is_a_table() -> None:
    page = soup(table(MOST_COLUMNS, 10))
    assert len(page.find_all("td")) == MOST_COLUMNS * 10
    assert len(soup(table(3, MOST_ROWS)).find_all("tr")) == MOST_ROWS


def test_the_rows_after_the_last_stay_text() -> None:
    page = soup(table(3, MOST_ROWS + 50, "x"))
    assert len(page.find_all("tr")) == MOST_ROWS
    assert page.text.count("x") == MOST_ROWS + 50


def test_all_tables_of_an_answer_share_its_cells() -> None:
    page = soup((table(MOST_COLUMNS, 10) + "\n") * 50)
    assert len(page.find_all(["td", "th"])) <= Allowance().cells
    assert len(page.find_all("table")) < 50


def test_the_cells_are_shared_also_while_the_answer_is_written() -> None:
    allowance = Allowance()
    text = (table(MOST_COLUMNS, 10) + "\n") * 50
    _, blocks, tail = split_and_render(text, allowance)
    page = BeautifulSoup("".join(blocks) + tail, "html.parser")
    assert len(page.find_all(["td", "th"])) <= Allowance().cells
    before = replace(allowance)
    split_and_render("| a |\n|---|\n| x |\n", allowance)
    assert allowance == before, "the open rest is rendered again, and must not count twice"


@pytest.mark.parametrize("mark", ["*", "_", "**", "~~"])
def test_emphasis_inside_of_emphasis_is_bounded(mark: str) -> None:
    page = soup(f"{mark}a " * 300 + f"b{mark} " * 300)
    deepest = max(len(list(found.parents)) for found in page.find_all(["em", "strong", "s", "p"]))
    assert deepest <= MOST_NESTING + 2
    assert page.text.count("a") == page.text.count("b") == 300


def test_quotations_inside_of_quotations_are_bounded() -> None:
    page = soup(">" * 5000 + " a")
    assert len(page.find_all("blockquote")) <= 20


def test_citations_are_bounded() -> None:
    assert to_html("[1]" * 3000).count("citation") == Allowance().citations


def test_what_is_too_long_is_shown_as_it_is_written() -> None:
    text = "word *word* " * (LONGEST_TEXT // 12 + 1) + "<b>*end*"
    html = to_html(text)
    assert "<em>" in html
    assert html.endswith("&lt;b&gt;*end*</div>\n")


def test_html_that_becomes_too_large_is_shown_as_it_is_written() -> None:
    html = to_html("> > > > > > > > >\n\n" * 1500)
    assert len(html) < LARGEST_HTML
    assert html.startswith('<div class="plain">&gt; &gt;')
