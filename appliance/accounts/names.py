"""Sign-in names: letters of any alphabet, one spelling for each name. Pure."""

from __future__ import annotations

import unicodedata

from appliance.accounts.errors import BadNameError
from appliance.core.text import normalized

LONGEST_NAME = 64
# More than a name has in any spelling.
_LONGEST_TYPED = 4 * LONGEST_NAME
_PUNCTUATION = frozenset("._-@+")
_LETTERS_AND_DIGITS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
# Marks belong to the letter before them in many scripts.
_MARKS = frozenset({"Mn", "Mc"})
# Invisible letters and marks: with them two different names would look alike.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)


def normal_name(typed: str) -> str:
    """Return a name as it is stored and looked up: capitals and kinds of accents do not matter.

    Case folding unites spellings that `lower` keeps apart (ß, final sigma). `lower` comes last,
    because the table accepts only what PostgreSQL's `lower` leaves as it is.
    """
    folded = normalized(typed.strip(), "NFC", _LONGEST_TYPED).casefold().lower()
    return unicodedata.normalize("NFC", folded)


def checked_name(typed: str) -> str:
    """Return the name as it is stored. Raises BadNameError."""
    name = normal_name(typed)
    is_allowed = (
        0 < len(name) <= LONGEST_NAME
        and _is_letter_or_digit(name[0])
        and all(map(_may_follow, name))
    )
    if not is_allowed:
        raise BadNameError(name=typed.strip()[:LONGEST_NAME])
    return name


def _is_letter_or_digit(character: str) -> bool:
    return unicodedata.category(character) in _LETTERS_AND_DIGITS and character not in _INVISIBLE


def _may_follow(character: str) -> bool:
    is_mark = unicodedata.category(character) in _MARKS and character not in _INVISIBLE
    return is_mark or character in _PUNCTUATION or _is_letter_or_digit(character)
