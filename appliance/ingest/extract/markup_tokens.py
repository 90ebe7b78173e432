"""Split HTML into tags and text, in time proportional to its length.

Python's own parser looks for the end of each tag from its start; on a page of unfinished tags that
takes the square of its length. Here, as in a browser, a tag that has no end takes the rest of the
page with it, and nothing is looked at twice.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.ingest.extract.lists import Attributes

_OPENING = re.compile(
    r"<(?:(?P<comment>!--)|(?P<other>[!?]|/(?![a-zA-Z>]))|(?P<nothing>/>)"
    r"|/(?P<end>[a-zA-Z][^\s/>]*+)|(?P<start>[a-zA-Z][^\s/>]*+))"
)
_COMMENT_END = re.compile(r"--!?>")
_BETWEEN = re.compile(r"[\s/]*+")
_NAME = re.compile(r"[^\s/>][^\s/>=]*+")
_EQUALS = re.compile(r"\s*+=\s*+")
_BARE_VALUE = re.compile(r"[^\s>]*+")
# No character has so large a number, and Python refuses to convert much longer ones.
_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class StartTag:
    """`<name attributes>`; `closed` says that it ends with `/>`."""

    name: str
    attributes: Attributes
    closed: bool


@dataclass(frozen=True, slots=True)
class EndTag:
    """`</name>`."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text between tags, with character references resolved except in raw elements."""

    data: str


Token = StartTag | EndTag | Text


def tokens(page: str, raw: frozenset[str]) -> Iterator[Token]:
    """Yield the tags and the text of a page in order; comments are left out.

    The content of the elements in `raw` is text up to their end tag.
    """
    at = 0
    while opening := _OPENING.search(page, at):
        if opening.start() > at:
            yield Text(unescaped(page[at : opening.start()]))
        if name := opening.group("start"):
            tag, at = _start_tag(page, name.lower(), opening.end())
            if tag is None:
                return
            yield tag
            if tag.name in raw and not tag.closed:
                end = _end_of_raw(page, tag.name, at)
                yield Text(page[at:end])
                at = end
        elif name := opening.group("end"):
            yield EndTag(name.lower())
            at = _after(page, ">", opening.end())
        else:
            at = _end_of_markup(page, opening)
    if at < len(page):
        yield Text(unescaped(page[at:]))


def unescaped(text: str) -> str:
    """Return the text with its character references resolved."""
    return html.unescape(_HUGE_NUMBER.sub(_REPLACEMENT, text)) if "&" in text else text


def _end_of_markup(page: str, opening: re.Match[str]) -> int:
    """Return where a comment, a declaration or an instruction ends."""
    if not opening.group("comment"):
        return _after(page, ">", opening.end() - 1)
    # `<!-->` is a whole comment.
    found = _COMMENT_END.search(page, opening.start() + 2)
    return found.end() if found else len(page)


def _end_of_raw(page: str, name: str, at: int) -> int:
    found = re.compile(rf"</{re.escape(name)}(?=[\s/>])", re.IGNORECASE).search(page, at)
    return found.start() if found else len(page)


def _after(page: str, sign: str, at: int) -> int:
    found = page.find(sign, at)
    return found + 1 if found >= 0 else len(page)


def _start_tag(page: str, name: str, at: int) -> tuple[StartTag | None, int]:
    """Return the tag and where it ends; no tag if the page ends before it."""
    attributes: Attributes = {}
    while True:
        between = _BETWEEN.match(page, at)
        at = between.end() if between else at
        if at >= len(page):
            return None, at
        if page[at] == ">":
            return StartTag(name, attributes, page[at - 1] == "/"), at + 1
        found = _NAME.match(page, at)
        if found is None:
            return None, len(page)
        value, at = _value(page, found.end())
        attributes.setdefault(found.group().lower(), value)


def _value(page: str, at: int) -> tuple[str | None, int]:
    """Return the value of an attribute, if it has one, and where it ends."""
    equals = _EQUALS.match(page, at)
    if equals is None:
        return None, at
    at = equals.end()
    quote = page[at : at + 1]
    if quote in {'"', "'"}:
        end = _after(page, quote, at + 1)
        return unescaped(page[at + 1 : end - 1]), end
    bare = _BARE_VALUE.match(page, at)
    end = bare.end() if bare else at
    return unescaped(page[at:end]), end
