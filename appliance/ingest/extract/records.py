"""The lines between a parser process and ingest: JSON, one record a line.

A document may take its parser over, so `record_of` checks everything in a line before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from appliance.core.text import is_storable
from appliance.ingest import errors
from appliance.ingest.extract.page import (
    PAGE_CHARACTERS,
    RECORD_CHARACTERS,
    ColumnsFound,
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    Heading,
    IndexedChunk,
    IndexedPage,
    Record,
)
from appliance.library.errors import DocumentError
from appliance.library.page_state import PageState
from appliance.text.language import LANGUAGES

# The text of a page and its search words, each character at most four bytes, with their frame.
LONGEST_LINE = 8 * 1024 * 1024
_LONGEST_TITLE = 500
_LONGEST_NOTE = 1000
_DEEPEST_PATH = 16
_MOST_FACTS = 8
_GREATEST_NUMBER = 2**31 - 1

_ERRORS: Mapping[str, type[DocumentError]] = {
    error.__name__: error
    for error in (
        errors.ConverterFailedError,
        errors.DamagedFileError,
        errors.DocumentBombError,
        errors.EncryptedDocumentError,
        errors.MissingLanguageDataError,
        errors.MissingProgramError,
        errors.NoTextError,
        errors.NotTextError,
        errors.OnlyPicturesError,
        errors.ParserCrashedError,
        errors.ParserKilledError,
        errors.ParserTimedOutError,
        errors.ParserTooBigError,
        errors.StrictOpenXmlError,
        errors.TooManyPagesError,
        errors.UnknownEncodingError,
        errors.WrongContentError,
    )
}


class _InvalidError(Exception):
    """A line that no honest parser prints."""


def line_of(record: Record) -> bytes:
    """Return the line of a record."""
    match record:
        case DocumentFacts(title, page_count):
            return _line({"title": title, "page_count": page_count})
        case DocumentEnd(language, headings):
            return _line({"language": language, "open": [(it.level, it.title) for it in headings]})
        case ColumnsFound():
            return _line({"columns": True})
        case IndexedPage(page, chunks):
            return _line(
                {
                    "number": page.number,
                    "text": page.text,
                    "label": page.label,
                    "state": page.state,
                    "note": page.note,
                    "chunks": [
                        (
                            each.start,
                            each.end,
                            each.heading_path,
                            each.heading_words,
                            each.body_words,
                        )
                        for each in chunks
                    ],
                }
            )


def error_line(error: DocumentError) -> bytes:
    """Return the line of an error."""
    facts = {
        name: value if isinstance(value, int) else str(value) for name, value in error.facts.items()
    }
    return _line({"error": type(error).__name__, "facts": facts})


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def record_of(line: bytes) -> Record:
    """Return the record of a line.

    Raises the DocumentError that the line describes, and ParserMisbehavedError for a line that is
    not valid.
    """
    try:
        return _record(line)
    except (_InvalidError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise errors.ParserMisbehavedError from error


def _record(line: bytes) -> Record:
    content = json.loads(line)
    match content:
        case {"text": _}:
            return _page(content)
        case {"language": str(language), "open": [*headings]} if language in LANGUAGES:
            return DocumentEnd(language, _headings(headings))
        case {"columns": True}:
            return ColumnsFound()
        case {"title": title, "page_count": count}:
            found = None if count is None else _number(count)
            return DocumentFacts(_optional(title, _LONGEST_TITLE), found)
        case {"error": str(name), "facts": {**facts}} if len(facts) <= _MOST_FACTS:
            raise _ERRORS[name](**{str(key): _fact(value) for key, value in facts.items()})
        case _:
            raise _InvalidError


def _page(content: Mapping[str, Any]) -> IndexedPage:
    text = _text(content["text"], PAGE_CHARACTERS)
    page = ExtractedPage(
        number=_number(content["number"], least=1),
        text=text,
        label=_optional(content["label"], _LONGEST_TITLE),
        state=PageState(content["state"]),
        note=_optional(content["note"], _LONGEST_NOTE),
    )
    chunks: list[IndexedChunk] = []
    after, left = 0, RECORD_CHARACTERS
    for start, end, path, heading_words, body_words in content["chunks"]:
        if not after <= _number(start) < _number(end) <= len(text):
            raise _InvalidError
        if not isinstance(path, list) or len(path) > _DEEPEST_PATH:
            raise _InvalidError
        chunk = IndexedChunk(
            start,
            end,
            tuple(_text(title, _LONGEST_TITLE) for title in path),
            _text(heading_words, RECORD_CHARACTERS),
            _text(body_words, RECORD_CHARACTERS),
        )
        after = end
        left -= chunk.size
        chunks.append(chunk)
    if left < 0:
        raise _InvalidError
    return IndexedPage(page, tuple(chunks))


def _headings(pairs: list[Any]) -> tuple[Heading, ...]:
    if len(pairs) > _DEEPEST_PATH:
        raise _InvalidError
    return tuple(Heading(0, _number(level), _text(title, _LONGEST_TITLE)) for level, title in pairs)


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or not is_storable(value):
        raise _InvalidError
    return value


def _optional(value: object, longest: int) -> str | None:
    return None if value is None else _text(value, longest)


def _number(value: object, *, least: int = 0) -> int:
    # True and False are numbers in Python.
    if type(value) is not int or not least <= value <= _GREATEST_NUMBER:
        raise _InvalidError
    return value


def _fact(value: object) -> str | int:
    return _text(value, _LONGEST_TITLE) if isinstance(value, str) else _number(value)
