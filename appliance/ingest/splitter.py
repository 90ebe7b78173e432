"""Cutting a text at the best places: shared by pages made from pageless formats, and by chunks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Marks of Chinese and Japanese: what ends a sentence, and what ends a part of one.
_WIDE_STOPS = "\u3002\uff01\uff1f"
_WIDE_COMMAS = "\u3001\uff0c\uff1b"
_CLOSING = r"\"'\u201d\u2019»)\]"

_BREAKS = (
    re.compile(r"\n[ \t]*\n\s*"),
    # An end of line that also ends a sentence or an item: tables, lists, verse.
    re.compile(rf"(?<=[.!?:;…{_WIDE_STOPS}])\n"),
    re.compile(rf"(?<=[.!?…])[{_CLOSING}]*\s+(?=[^\Wa-z\d_]|[\"“„«(¿¡\d])|(?<=[{_WIDE_STOPS}])"),
    re.compile(r"\n"),
    re.compile(rf"\s+|(?<=[{_WIDE_COMMAS}])"),
)
# Scripts whose characters each carry about as much as half an English word.
_DENSE = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
_SAMPLE = 2000
_NOT_SPACE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Characters: what a piece should have, may have, and must not fall below if avoidable."""

    target: int
    most: int
    least: int

    def for_text(self, text: str) -> Sizes:
        """Return the sizes for the script of `text`: less than half for Chinese and its like."""
        sample = text[:_SAMPLE]
        # The pattern takes longer to compile than most pages to read.
        if sample.isascii() or len(re.findall(_DENSE, sample)) * 3 < len(sample):
            return self
        return Sizes(self.target * 4 // 9, self.most * 4 // 9, self.least * 4 // 9)


def split(text: str, headings: Sequence[int], sizes: Sizes) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each piece in order; only white space lies between two pieces.

    A piece ends before a heading (`headings`: their offsets, ascending) if it is long enough.
    Otherwise it ends at the end of a paragraph, of a sentence, of a line or of a word, in this
    order; a text without any of these is split inside a word.
    """
    end = len(text.rstrip())
    start = _skip_space(text, 0)
    while start < end:
        stop = _stop(text, start, end, headings, sizes)
        yield start, start + len(text[start:stop].rstrip())
        start = _skip_space(text, stop)


def _stop(text: str, start: int, end: int, headings: Sequence[int], sizes: Sizes) -> int:
    # Leave at least one piece of the least size for the rest.
    latest = min(start + sizes.most, end - sizes.least)
    following = bisect_left(headings, start + sizes.least)
    if following < len(headings) and headings[following] <= latest:
        return headings[following]
    rest = end - start
    if rest <= sizes.most:
        return end
    wanted = start + min(sizes.target, rest // 2)
    earliest = start + sizes.target // 2
    for pattern in _BREAKS:
        stops = [match.end() for match in pattern.finditer(text, earliest, latest)]
        if stops:
            return min(stops, key=lambda stop: abs(stop - wanted))
    return latest


def _skip_space(text: str, start: int) -> int:
    found = _NOT_SPACE.search(text, start)
    return found.start() if found else len(text)
