"""Marks of HTML lists: a dash, or a number in one of HTML's numbering types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

Attributes = dict[str, str | None]

_NUMBER = re.compile(r"\s*-?[0-9]{1,9}\s*")
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_MOST_ROMAN = 3999


@dataclass(slots=True)
class OpenList:
    """A list whose items are being read; `next` is None where they have no numbers."""

    next: int | None = None
    kind: str = "1"

    @classmethod
    def opened(cls, tag: str, attributes: Attributes) -> Self:
        """Return the list that a tag opens; an `ol` counts from its `start`."""
        if tag != "ol":
            return cls()
        start = _number(attributes.get("start"))
        return cls(1 if start is None else start, attributes.get("type") or "1")

    def mark(self, attributes: Attributes) -> str:
        """Return the mark of the next item, which may set its own number (`value`)."""
        if self.next is None:
            return "-"
        own_number = _number(attributes.get("value"))
        number = self.next if own_number is None else own_number
        self.next = number + 1
        return f"{numeral(number, self.kind)}."


def numeral(number: int, kind: str) -> str:
    """Return a number in the numbering type of HTML's `type`; in digits if the type has no form."""
    match kind:
        case "a" | "A" if number > 0:
            written = _letters(number)
        case "i" | "I" if 0 < number <= _MOST_ROMAN:
            written = _roman(number)
        case _:
            written = str(number)
    return written.upper() if kind.isupper() else written


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text) else None


def _letters(number: int) -> str:
    """Count a to z, aa, ab and so on."""
    written = ""
    while number:
        number, letter = divmod(number - 1, 26)
        written = chr(ord("a") + letter) + written
    return written


def _roman(number: int) -> str:
    written = ""
    for value, letters in _ROMAN:
        written += letters * (number // value)
        number %= value
    return written
