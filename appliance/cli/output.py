"""What the command line prints, for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from uuid import UUID

from appliance.core.errors import ApplianceError, Audience
from appliance.core.log import is_journal, journal_prefix


class ExitCode(IntEnum):
    """What a script may rely on; argparse itself exits with 2."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_READY = 3
    NOT_RUNNING = 4
    NOT_WHOLE = 5
    WOULD_CHANGE = 6


_KEYS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Output:
    """Prints results to standard output and errors to standard error."""

    as_json: bool

    def say(self, text: str) -> None:
        """Print a sentence for people; JSON readers get values only."""
        if not self.as_json:
            print(text, flush=True)

    def progress(self, text: str) -> None:
        """Print the progress of long work to standard error, only for people at a terminal."""
        if not self.as_json and sys.stderr.isatty():
            print(text, file=sys.stderr, flush=True)

    def value(self, value: object, text: str) -> None:
        """Print `value` as JSON, or `text` for people."""
        print(json.dumps(value, default=_plain, ensure_ascii=False) if self.as_json else text)

    def table(
        self, rows: Sequence[dict[str, object]], empty: str, *, titles: Mapping[str, str] = _KEYS
    ) -> None:
        """Print rows that share their keys as aligned columns, or `empty` where there are none.

        A column has its key as the heading, unless `titles` has another one for people.
        """
        if self.as_json:
            print(json.dumps(rows, default=_plain, ensure_ascii=False))
            return
        if not rows:
            print(empty)
            return
        cells = [[titles.get(key, key).upper() for key in rows[0]]]
        cells += [[_cell(value) for value in row.values()] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            print("  ".join(padded).rstrip())

    def error(self, error: ApplianceError) -> None:
        """Print what went wrong and what to do next."""
        if self.as_json:
            body = {"error": error.as_json(Audience.COMMAND_LINE)}
            print(json.dumps(body, ensure_ascii=False), file=sys.stderr)
        else:
            words = error.words_for(Audience.COMMAND_LINE)
            # A unit that could not be prepared says so in the journal, as the error that it is.
            mark = journal_prefix(logging.ERROR) if is_journal(sys.stderr) else ""
            print(f"{mark}cloister: {words.sentence}\n{mark}{words.hint}", file=sys.stderr)


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case set() | frozenset() | tuple():
            return list(value)
        case _:
            pass
    message = f"cannot print {type(value).__name__}"
    raise TypeError(message)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M")
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(str, value))
        case _:
            return str(value)
