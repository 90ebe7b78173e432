"""Citations in a text that is still being written.

Models write `[1]`, `[1, 2]`, `[1-3]`, `[^1]`, `【1】` or `[Passage 1]`. Each form becomes `[1][2]`
with the numbers that exist; unknown numbers are removed. Code stays as it is: `row[9]` is not a
citation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

LONGEST_FORM = 48
WIDEST_RANGE = 20

# Space matches from its first character only: matching from each character of a long run would
# take time that grows with the square of its length.
_FORM = re.compile(
    r"(?P<space>(?<![ \t])[ \t]+|)[\[【]\s*\^?(?:(?:passages?|sources?|quellen?)\s*)?"
    r"(?P<numbers>\d{1,3}(?:\s*(?:,|;|、|-|–|and|und|&)\s*\d{1,3})*)"  # noqa: RUF001
    r"\s*(?:†[^\]】\n]{0,24})?[\]】]",
    re.IGNORECASE,
)
# The beginning of what may become a citation or the end of a paragraph, with the space before.
_UNFINISHED = re.compile(rf"(?<![ \t\n])[ \t\n]*(?:[\[【][^\[【\]】\n`]{{0,{LONGEST_FORM}}})?\Z")
_TOKEN = re.compile(rf"(?P<ticks>`+)|(?P<paragraph>\n[ \t]*\n)|{_FORM.pattern}", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)|(\d+)")  # noqa: RUF001
_FENCE_TICKS = 3


class CitationFilter:
    """Takes the model's text piece by piece and returns it with clean citations.

    A possible beginning of a citation is held back until its rest has arrived.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._held = ""
        self._code: str | None = None
        self._used: dict[int, None] = {}

    @property
    def used(self) -> tuple[int, ...]:
        """The numbers that the text cites so far, in the order of their first use."""
        return tuple(self._used)

    def feed(self, piece: str) -> str:
        """Return the text that no later piece can change."""
        text = self._held + piece
        certain = len(text) - len(self._uncertain(text))
        self._held = text[certain:]
        return "".join(self._clean(text[:certain]))

    def finish(self) -> str:
        """Return the held text after the last piece."""
        rest, self._held = self._held, ""
        return "".join(self._clean(rest))

    def _uncertain(self, text: str) -> str:
        if text.endswith("`"):
            # More backticks may follow, and their number matters.
            return text[len(text.rstrip("`")) :]
        found = _UNFINISHED.search(text)
        return found[0] if found else ""

    def _clean(self, text: str) -> Iterator[str]:
        position = 0
        for token in _TOKEN.finditer(text):
            yield text[position : token.start()]
            yield self._token(token)
            position = token.end()
        yield text[position:]

    def _token(self, token: re.Match[str]) -> str:
        if ticks := token["ticks"]:
            if self._code is None:
                self._code = ticks
            elif ticks == self._code or (self._is_fence() and ticks.startswith(self._code)):
                self._code = None
        elif token["paragraph"]:
            # An unclosed backtick has no meaning after its paragraph.
            if not self._is_fence():
                self._code = None
        elif self._code is None:
            return self._citation(token)
        return token[0]

    def _is_fence(self) -> bool:
        return self._code is not None and len(self._code) >= _FENCE_TICKS

    def _citation(self, token: re.Match[str]) -> str:
        numbers = [number for number in _numbers(token["numbers"]) if number in self._known]
        if not numbers:
            return ""
        self._used.update(dict.fromkeys(numbers))
        marks = "".join(f"[{number}]" for number in dict.fromkeys(numbers))
        return f"{token['space']}{marks}"


def strip_citations(text: str) -> str:
    """Return a whole text without citations."""
    citations = CitationFilter(())
    return citations.feed(text) + citations.finish()


def _numbers(text: str) -> Iterator[int]:
    for first, last, single in _RANGE.findall(text):
        if single:
            yield int(single)
        elif int(first) <= int(last) < int(first) + WIDEST_RANGE:
            yield from range(int(first), int(last) + 1)
        else:
            yield from (int(first), int(last))
