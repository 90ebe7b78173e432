from __future__ import annotations

import pytest

from appliance.ingest.extract.markup_tokens import EndTag, StartTag, Text, Token, tokens

RAW = frozenset({"script"})


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("text", [Text("text")]),
        ("a < b", [Text("a < b")]),
        ("<3 &amp; &#65;&eacute", [Text("<3 & Aé")]),
        ("<P>x</P>", [StartTag("p", {}, closed=False), Text("x"), EndTag("p")]),
        ("<br/>", [StartTag("br", {}, closed=True)]),
        (
            "<ol type=a start='4' x=\"1 > 0 &lt;\" open>",
            [
                StartTag(
                    "ol", {"type": "a", "start": "4", "x": "1 > 0 <", "open": None}, closed=False
                )
            ],
        ),
        ("<a b=1 b=2>", [StartTag("a", {"b": "1"}, closed=False)]),
        ("a<!-- <p> -->b<!-->c<!--->d", [Text("a"), Text("b"), Text("c"), Text("d")]),
        ("<!DOCTYPE html>a<?xml version='1'?>b", [Text("a"), Text("b")]),
        ("a</>b</ x>c", [Text("a"), Text("b"), Text("c")]),
        (
            "<script>a < '</p>' &amp;</SCRIPT >b",
            [
                StartTag("script", {}, closed=False),
                Text("a < '</p>' &amp;"),
                EndTag("script"),
                Text("b"),
            ],
        ),
        ("a<!-- never closed <p>b", [Text("a")]),
        ("a<p class='never closed>b</p>", [Text("a")]),
        ("&#99999999999999999999;", [Text("\ufffd")]),
        ("&#x" + "f" * 5000, [Text("\ufffd")]),
        ("&#" + "1" * 5000, [Text("\ufffd")]),
    ],
)
def test_a_page_is_read_as_a_browser_reads_it(page: str, expected: list[Token]) -> None:
    assert list(tokens(page, RAW)) == expected
