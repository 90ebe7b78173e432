"""Rebuild the paragraphs of a PDF page from its lines; tables and forms keep their lines."""

from __future__ import annotations

import re
from itertools import pairwise

from appliance.ingest.extract.clean import clean_characters, single_spaces
from appliance.text.scripts import separator

# Dots that lead to a page number, lines to write on, rules across the page.
_LEADER = re.compile(r"\.{4,}|(?:\. ){4,}\.?|…{2,}")
_RULE = re.compile(r"[_=*~\u2010-\u2015-]{4,}")
_GAP = re.compile(r"(?<=\S)[ \t\u00a0]{3,}(?=\S)")
_ITEM = re.compile(
    r"\s*(?:[-\u2013\u2014•●▪◦‣·*\uf0b7]\s+|o\s{2,}"
    r"|\(?(?:\d{1,3}|[a-z]|[ivx]{2,4})[.)]\s+|[A-Z]\)\s+|\d+(?:\.\d+)+\.?\s+)"
)
# A word is matched from its first letter only, and never in part: hostile lines have long words.
_WORD_START = r"(?<![^\W\d_])"
_HYPHENATED = re.compile(_WORD_START + r"([^\W\d_]++)-\Z")
_CONTINUED = re.compile(r"[^\W\d_]++")
_COMPOUND = re.compile(_WORD_START + r"([^\W\d_]++)-(?=([^\W\d_]++))")
# Words after a hyphen that must stay: “Vor- und Nachteile”, “short- and long-term”.
_CONJUNCTIONS = frozenset(
    {"and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e", "en", "och", "og", "of"}
)
_PROSE_COLUMN = 25
_FULL_LINE = 0.7
_NARROWEST = 40
_INDENT = 2
_FEWEST_LINES = 8
_MOST_TOGETHER = 0.2


def has_columns_of_prose(page: str) -> bool:
    """Return whether the lines of a page in layout mode mix columns of prose.

    Cells of forms and tables are short; two long texts on many lines are columns of a paper.
    """
    lines = [line for line in page.splitlines() if line.strip()]
    mixed = sum(
        sum(len(cell.strip()) >= _PROSE_COLUMN for cell in _GAP.split(line)) > 1 for line in lines
    )
    return mixed * 10 > len(lines) * 3


def reflow(page: str) -> str:
    """Join the lines of each paragraph and undo hyphenation at their ends."""
    lines = _single_spaced(clean_characters(page).split("\n"))
    widths = sorted(len(line.strip()) for line in lines if line.strip())
    width = max(_NARROWEST, widths[len(widths) * 9 // 10] if widths else 0)
    parts: list[str] = []
    before = ""
    compounds = frozenset(_COMPOUND.findall(page))
    for line in (_RULE.sub("", line) for line in lines):
        if not line.strip():
            parts.append("\n\n")
        elif not before.strip():
            parts.append(_written(line))
        elif _continues(before, line, width):
            _join(parts, _written(line), compounds)
        else:
            parts += ("\n\n" if _starts_paragraph(before, line) else "\n", _written(line))
        before = line
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def _single_spaced(lines: list[str]) -> list[str]:
    """Remove one blank line after each line if the page has double line spacing."""
    written = sum(bool(line) for line in lines)
    together = sum(bool(line) and bool(below) for line, below in pairwise(lines))
    if written < _FEWEST_LINES or together > written * _MOST_TOGETHER:
        return lines
    return [line for above, line in pairwise(["", *lines]) if line or not above]


def _written(line: str) -> str:
    return single_spaces(_LEADER.sub(" … ", line))


def _has_gap(line: str) -> bool:
    """Return whether a line has cells; the space after a bullet or a number does not count."""
    item = _ITEM.match(line)
    return _GAP.search(line, item.end() if item else 0) is not None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _starts_paragraph(before: str, line: str) -> bool:
    indented = _indent(line) >= _indent(before) + _INDENT
    return indented and not (_has_gap(line) or _has_gap(before) or _ITEM.match(line))


def _continues(before: str, line: str, width: int) -> bool:
    if _has_gap(before) or _has_gap(line) or _ITEM.match(line) or _LEADER.search(before):
        return False
    shift = _indent(line) - _indent(before)
    # The second line of a list item is indented to the first word of its first line.
    if shift >= _INDENT and not _ITEM.match(before):
        return False
    return len(before.strip()) >= width * _FULL_LINE


def _join(parts: list[str], line: str, compounds: frozenset[tuple[str, str]]) -> None:
    """Append a line to the paragraph; `compounds` are the words that the page has with a hyphen."""
    hyphenated = _HYPHENATED.search(parts[-1])
    continued = _CONTINUED.match(line)
    word = continued.group() if continued else ""
    if not hyphenated or not word.islower() or word in _CONJUNCTIONS:
        parts += (separator(parts[-1], line), line)
    elif (hyphenated.group(1), word) in compounds:
        parts.append(line)
    else:
        parts[-1] = parts[-1][:-1]
        parts.append(line)
