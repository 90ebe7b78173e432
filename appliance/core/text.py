"""Text that can be stored, and text that is compared, in a time that its length bounds."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# The null character, and halves of surrogate pairs, which JSON escapes can contain.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MOST_MARKS = 30
Form = Literal["NFC", "NFKC"]


def is_storable(text: str) -> bool:
    """Return whether a text can be stored as it is."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Return a text without the characters that cannot be stored."""
    return _UNSTORABLE.sub("", text)


def normalized(text: str, form: Form, longest: int) -> str:
    """Return the first `longest` characters of a text in a normal form of Unicode.

    The result has at most twice as many. A text is cut before it is normalised, since one
    character can become eighteen, and marks upon one letter are sorted in a time that grows with
    the square of their number.
    """
    text = text[:longest]
    if text.isascii():
        return text
    return unicodedata.normalize(form, _without_towers(text))[: 2 * longest]


def _without_towers(text: str) -> str:
    """Leave out the marks upon a letter after the first 30, the limit of Unicode's own UAX 15."""
    kept = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return text if len(kept) == len(text) else "".join(kept)
