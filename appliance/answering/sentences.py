"""Where sentences begin and end, in any script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

# A full stop ends a sentence before a space; the full-width marks need none after them.
# A run of marks matches from its first one only, and gives nothing back: a search from each of
# them would take time that grows with the square of their number.
_END = re.compile(
    r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+(?=\s)|[。！？]++[”’」』]*+|\n\s*\n"""  # noqa: RUF001
)


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` of a text."""

    start: int
    end: int


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text without the space around them."""
    ends = [match.end() for match in _END.finditer(text)]
    bounds = [0, *ends, len(text)]
    spans = (_trimmed(text, start, end) for start, end in pairwise(bounds))
    return [span for span in spans if span.end > span.start]


def shortened(text: str, longest: int) -> str:
    """Return the beginning of a text, at most `longest` characters, up to the end of a sentence.

    Without such an end in the second half of that, up to the end of a word.
    """
    if len(text) <= longest:
        return text
    ends = [span.end for span in sentences(text) if longest // 2 < span.end <= longest]
    if ends:
        return text[: ends[-1]]
    word_end = max(text.rfind(" ", 0, longest), text.rfind("\n", 0, longest))
    return text[: word_end if word_end > longest // 2 else longest].rstrip()


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return Span(start, start + len(piece.strip()))
