"""Markdown of a model or a person as safe HTML.

Raw HTML is escaped, and pictures become their description. A link shows its address and opens only
when a person clicks it: a page loads nothing that an answer names. A second library sanitises the
output again, so that a mistake in one of them is not enough.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import nh3
from markdown_it.token import Token
from markupsafe import Markup

from appliance.web.markdown_parser import Parser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# `[3]`, and `[1, 4]` which models write as well.
_CITATION = re.compile(r"([ \t]?)\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "div"),
    "span",
}
_ATTRIBUTES = {
    "a": {"href", "title", "rel", "target", "class", "aria-label", "hx-get"},
    "div": {"class"},
    "span": {"class"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}

_PARSER = Parser()


def render(text: str, citations: Mapping[int, str | None] | None = None) -> Markup:
    """Return `text` as HTML; `[n]` becomes a link to `citations[n]`, or nothing if it is unknown.

    A citation of None says that its document was deleted. With `citations=None` brackets stay as
    they are. Brackets inside code always do.
    """
    tokens = _PARSER.parse(text)
    if citations is not None:
        for token in tokens:
            if token.children:
                token.children = list(_with_citations(token.children, citations))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    return Markup(clean)  # noqa: S704 - sanitised in the line above


def split_blocks(text: str) -> tuple[list[str], str]:
    """Split a growing text into blocks that no further text can change, and the open rest.

    The parts joined are the text. A block is closed as soon as a whole line behind it begins
    another one: a fence until its end, a list until something that is not its item. The last
    line counts only when it is complete, since `#` may become `#hashtag`. A caller that has
    shown the closed blocks passes only the rest and what was added to it next time.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    complete = text[: text.rfind("\n") + 1]
    starts = [
        token.map[0]
        for token in _PARSER.parse(complete)
        if token.level == 0 and token.map is not None and token.nesting >= 0
    ]
    lines = re.findall(r"[^\n]*\n", complete)
    bounds = [0, *starts[1:]]
    closed = ["".join(lines[start:end]) for start, end in pairwise(bounds)]
    return closed, text[sum(map(len, closed)) :]


def _with_citations(
    tokens: Sequence[Token], citations: Mapping[int, str | None]
) -> Iterator[Token]:
    links = 0
    for token in tokens:
        links += token.nesting if token.type in {"link_open", "link_close"} else 0
        if token.type == "text" and not links:
            yield from _split_text(token.content, citations)
        else:
            yield token


def _split_text(content: str, citations: Mapping[int, str | None]) -> Iterator[Token]:
    position = 0
    for match in _CITATION.finditer(content):
        known = [n for n in dict.fromkeys(map(int, match[2].split(","))) if n in citations]
        # The space that models write before a citation must not let it start a line.
        space = "\u00a0" if known and match[1] else ""
        yield Token("text", "", 0, content=content[position : match.start()] + space)
        for number in known:
            href = citations[number]
            link: dict[str, str | int | float] = {} if href is None else {"href": href}
            yield Token("citation", "a", 0, content=str(number), attrs=link)
        position = match.end()
    yield Token("text", "", 0, content=content[position:])
