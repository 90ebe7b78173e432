"""Read CSV: every row becomes a sentence that names its columns, so that a passage is clear."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from appliance.ingest.errors import DamagedFileError
from appliance.ingest.extract.clean import one_line, short_title
from appliance.ingest.extract.encoding import decode
from appliance.ingest.extract.page import DocumentFacts, ExtractedPage, Outline
from appliance.ingest.extract.paging import PART
from appliance.ingest.splitter import split

_DELIMITERS = ",;\t|"
# The line with which spreadsheets declare the delimiter, before the first row.
_DECLARED = re.compile(r"\A\"?sep=([^\"\w\r\n ])\"?(?:\r\n?|\n|\Z)", re.IGNORECASE)
_SAMPLE = 16_384
_LARGEST_FIELD = 16 * 1024 * 1024


def read_csv(content: bytes) -> Outline:
    """Read a table; the first row names the columns if all its cells are distinct words."""
    text, note = decode(content)
    csv.field_size_limit(_LARGEST_FIELD)
    return Outline(DocumentFacts(), _pages(_rows(text), note))


def _rows(text: str) -> Iterator[list[str]]:
    try:
        if declared := _DECLARED.match(text):
            delimiter, text = declared.group(1), text[declared.end() :]
        else:
            delimiter = max(_DELIMITERS, key=lambda each: _evenness(text[:_SAMPLE], each))
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            cells = [one_line(cell) for cell in row]
            if any(cells):
                yield cells
    except csv.Error as error:
        raise DamagedFileError(format="CSV") from error


def _evenness(sample: str, delimiter: str) -> tuple[int, int]:
    """Rate a delimiter: how many rows get as many cells as the first row, and how many cells."""
    widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)]
    if not widths or widths[0] < 2:
        return (0, 0)
    return (widths.count(widths[0]), widths[0])


def _pages(rows: Iterator[list[str]], note: str | None) -> Iterator[ExtractedPage]:
    number = 1
    for first, last, text in _groups(rows):
        for start, end in split(text, (), PART.for_text(text)):
            label = f"rows {first}\u2013{last}" if last > first else f"row {first}"
            yield ExtractedPage(number, text[start:end], label, note=note)
            number += 1
            note = None


def _groups(rows: Iterator[list[str]]) -> Iterator[tuple[int, int, str]]:
    """Yield (first row, last row, text), each with about a page of text."""
    header = next(rows, None)
    if header is None:
        return
    named = _are_names(header)
    # Every row repeats the names: a long one would multiply the text.
    columns = [short_title(name) for name in header] if named else []
    lines: list[str] = [] if named else [_sentence(columns, header)]
    size = number = len(lines)
    first = 1
    for row in rows:
        line = _sentence(columns, row)
        if lines and size + len(line) > PART.target:
            yield first, number, "\n\n".join(lines)
            lines, size, first = [], 0, number + 1
        lines.append(line)
        size += len(line) + 2
        number += 1
    if lines:
        yield first, number, "\n\n".join(lines)
    elif named:
        yield 0, 0, _sentence([], header)


def _are_names(cells: list[str]) -> bool:
    written = [cell for cell in cells if cell]
    has_words = all(any(letter.isalpha() for letter in cell) for cell in written)
    return has_words and len(set(written)) == len(written)


def _sentence(columns: list[str], row: list[str]) -> str:
    named = []
    for position, cell in enumerate(row):
        name = columns[position] if position < len(columns) else ""
        if cell:
            named.append(f"{name}: {cell}" if name else cell)
    return "; ".join(named)
