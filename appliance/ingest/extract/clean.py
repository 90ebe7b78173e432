"""Clean text for storage: no characters that PostgreSQL refuses or readers cannot see."""

from __future__ import annotations

import re
import unicodedata

# Controls (PostgreSQL refuses NUL), lone surrogates, soft hyphens, zero-width marks, and the
# marks that reverse the direction of what follows. Tab and newline stay; joiners stay, because
# Persian and Indic scripts need them.
_UNWANTED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LIGATURES = re.compile("[\ufb00-\ufb06]")
# Matches a run of spaces only from its start, because a file may have a million in a row.
_TRAILING = re.compile(r"(?<![ \t\u00a0\u3000])[ \t\u00a0\u3000]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_LONGEST_TITLE = 300
# Unicode's own limit for streams (UAX #15): sorting the marks of one letter takes the square of
# their number, and no writing system needs more.
_MOST_MARKS = 30
_MAY_BE_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{_MOST_MARKS + 1},}}")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+")


def clean(text: str) -> str:
    """Return `text` in NFC without characters that cannot be stored or seen.

    The layout is kept, except that consecutive blank lines become one.
    """
    return _BLANK_LINES.sub("\n\n", clean_characters(text))


def clean_characters(text: str) -> str:
    """Do the same as `clean`, but keep every line."""
    text = _LINE_ENDS.sub("\n", text)
    text = _UNWANTED.sub("", text)
    text = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    text = _MAY_BE_MARKS.sub(_without_piles, text)
    return _TRAILING.sub("", unicodedata.normalize("NFC", text))


def _without_piles(run: re.Match[str]) -> str:
    """Drop the combining marks of a letter after the first thirty."""
    kept, marks = [], 0
    for sign in run.group():
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks <= _MOST_MARKS:
            kept.append(sign)
    return "".join(kept)


def one_line(text: str) -> str:
    """Return `text` on one line with single spaces."""
    return " ".join(clean(text).split())


def short_title(text: str) -> str:
    """Return a title or a heading on one line, at most 300 characters long."""
    return one_line(text[:_LONGEST_TITLE])


def single_spaces(line: str) -> str:
    """Collapse runs of spaces; a gap between columns stays visible as two."""
    return _SPACES.sub(lambda run: "  " if len(run.group()) > 2 else " ", line.strip())
