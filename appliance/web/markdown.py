"""Markdown of a model or a person as safe HTML.

Raw HTML is escaped, and pictures become their description. A link shows its address and opens only
when a person clicks it: a page loads nothing that an answer names. A second library sanitises the
output again, so that a mistake in one of them is not enough.

The HTML of an answer is kept, and its sources change: a document can be deleted. So `[n]` becomes
a mark with a number, and `with_links` gives the marks their addresses each time it is shown.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import nh3
from markdown_it.token import Token
from markupsafe import Markup, escape

from appliance.web.markdown_limits import (
    LARGEST_HTML,
    LONGEST_TEXT,
    MOST_NESTING,
    Allowance,
)
from appliance.web.markdown_parser import Parser, citation_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Kept HTML that another version made is made again. Count it up with each change of the output.
VERSION = 1

# `[3]`, and `[1, 4]` which models write as well.
_CITATION = re.compile(r"([ \t]?)\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_MARK = citation_mark(0).replace("0", r"\d+")
_MARKS = re.compile(f"(&nbsp;)?((?:{_MARK})+)")
_NUMBER = re.compile(r"#(\d+)")

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "div"),
    "span",
}
_ATTRIBUTES = {
    "a": {"href", "title", "rel", "target", "class"},
    "div": {"class"},
    "span": {"class"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
}

_PARSER = Parser()


def render(text: str, links: Mapping[int, str | None] | None = None) -> Markup:
    """Return `text` as HTML; `[n]` becomes a link to `links[n]`, or nothing if it is unknown.

    A link of None says that the document was deleted. Brackets inside code stay as they are.
    """
    return with_links(to_html(text), links or {})


def to_html(text: str, allowance: Allowance | None = None) -> str:
    """Return `text` as HTML with marks for its citations; takes about 4 µs a character.

    What is beyond the limits of `markdown_limits` is plain text. The parts of one answer share an
    `allowance`.
    """
    allowance = Allowance() if allowance is None else allowance
    head, rest = text[:LONGEST_TEXT], text[LONGEST_TEXT:]
    tokens = _PARSER.parse(head, {"allowance": allowance})
    for token in tokens:
        if token.children:
            token.children = list(_with_marks(_shallow(token.children), allowance))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    if len(html) > LARGEST_HTML:
        return plain(text)
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )
    return clean + plain(rest)


def plain(text: str) -> str:
    """Return a text as HTML that shows it as it is written."""
    return f'<div class="plain">{escape(text)}</div>\n' if text else ""


def with_links(html: str, links: Mapping[int, str | None]) -> Markup:
    """Return what `to_html` made, each mark with its address; marks of no source are removed.

    A link of None says that the document was deleted.
    """

    def linked(found: re.Match[str]) -> str:
        known = [number for number in map(int, _NUMBER.findall(found[2])) if number in links]
        # The space that models write before a citation must not let it start a line.
        space = found[1] or "" if known else ""
        return space + "".join(_link(number, links[number]) for number in known)

    return Markup(_MARKS.sub(linked, html))  # noqa: S704 - sanitised, and the links are escaped


def _link(number: int, href: str | None) -> str:
    if href is None:
        return f'<span class="citation">{number}, deleted</span>'
    address = escape(href)
    return (
        f'<a class="citation" href="{address}" hx-get="{address}" '
        f'aria-label="Source {number}">{number}</a>'
    )


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


def split_and_render(text: str, allowance: Allowance) -> tuple[list[str], list[str], str]:
    """Return the closed blocks of a growing text, the HTML of each, and that of the open rest.

    The closed blocks use up the allowance of their answer; the rest will be rendered again.
    """
    closed, rest = split_blocks(text)
    rendered = [to_html(block, allowance) for block in closed]
    return closed, rendered, to_html(rest, replace(allowance))


def _shallow(tokens: Sequence[Token]) -> Iterator[Token]:
    """Leave out emphasis inside of too much emphasis; its text stays."""
    depth = 0
    for token in tokens:
        depth += token.nesting == 1
        if depth <= MOST_NESTING or token.nesting == 0:
            yield token
        depth -= token.nesting == -1


def _with_marks(tokens: Iterator[Token], allowance: Allowance) -> Iterator[Token]:
    links = 0
    for token in tokens:
        links += token.nesting if token.type in {"link_open", "link_close"} else 0
        if token.type == "text" and not links:
            yield from _split_text(token.content, allowance)
        else:
            yield token


def _split_text(content: str, allowance: Allowance) -> Iterator[Token]:
    position = 0
    for match in _CITATION.finditer(content):
        numbers = dict.fromkeys(map(int, match[2].split(",")))
        marked = [number for number in numbers if allowance.take_citation()]
        space = "\u00a0" if marked and match[1] else ""
        yield Token("text", "", 0, content=content[position : match.start()] + space)
        for number in marked:
            yield Token("citation", "a", 0, content=str(number))
        position = match.end()
    yield Token("text", "", 0, content=content[position:])
