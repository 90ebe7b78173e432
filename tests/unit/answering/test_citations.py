"""Citations are clean and real, also while the text is still being written."""

from __future__ import annotations

import pytest

from appliance.answering.citations import CitationFilter


def filtered(text: str, known: set[int], step: int = 1) -> tuple[str, tuple[int, ...]]:
    citations = CitationFilter(known)
    pieces = [citations.feed(text[at : at + step]) for at in range(0, len(text), step)]
    return "".join([*pieces, citations.finish()]), citations.used


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It is red [1].", "It is red [1]."),
        ("It is red [1, 2].", "It is red [1][2]."),
        ("It is red [1; 3] and blue [2].", "It is red [1][3] and blue [2]."),
        ("It is red [1][2].", "It is red [1][2]."),
        ("It is red【1】.", "It is red[1]."),
        ("It is red 【2†source】.", "It is red [2]."),
        ("It is red [^1].", "It is red [1]."),
        ("It is red [Passage 1].", "It is red [1]."),
        ("It is red [passages 1 and 2].", "It is red [1][2]."),
        ("It is red [1-3].", "It is red [1][2][3]."),
        ("It is red [1\N{EN DASH}2].", "It is red [1][2]."),
        ("It is red [1, 1].", "It is red [1]."),
        ("It is red [9].", "It is red."),
        ("It is red [0] [1, 9].", "It is red [1]."),
        ("In [2024] it was [sic] so [a][1].", "In [2024] it was [sic] so [a][1]."),
        ("A [link](https://example.org) stays.", "A [link](https://example.org) stays."),
        ("An open [bracket", "An open [bracket"),
        ("An open [1", "An open [1"),
        ("`row[9]` and ``x[8]``, not [9].", "`row[9]` and ``x[8]``, not."),
        ("```\nrow[9] = 1\n```\nSo [1] [9].", "```\nrow[9] = 1\n```\nSo [1]."),
        ("A stray ` tick [1].\n\nThen [9] and [2].", "A stray ` tick [1].\n\nThen and [2]."),
        ("First.\n\n[1] second.", "First.\n\n[1] second."),
    ],
)
def test_it_shows_only_citations_that_exist(written: str, shown: str, step: int) -> None:
    assert filtered(written, {1, 2, 3}, step)[0] == shown


def test_it_returns_what_was_really_cited() -> None:
    assert filtered("B [2], A [1, 9], code `[3]`, B [2].", {1, 2, 3})[1] == (2, 1)


def test_it_holds_back_a_citation_that_is_half_written() -> None:
    citations = CitationFilter({1})
    assert citations.feed("It is red [1") == "It is red"
    assert citations.feed("]. So") == " [1]. So"


def test_it_does_not_wait_for_ever_for_a_bracket_to_close() -> None:
    citations = CitationFilter({1})
    assert citations.feed("See [" + "long words " * 10).startswith("See [long")


@pytest.mark.parametrize("space", [" ", "\t", "\n"])
def test_endless_space_costs_no_more_than_its_length(space: str) -> None:
    citations = CitationFilter({1})
    # With the square of its length the cost would be hours.
    text = space * 1_000_000 + "x"
    assert citations.feed(text) + citations.finish() == text
