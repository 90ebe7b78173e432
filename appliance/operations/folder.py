"""The files of an operation: its request, how far it is, its log and its result.

Packaged, the folder belongs to the account that works, and to the group of the supervisor. It is in
the memory of the machine and gone at its next start: a request may hold a key.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.core.files import read_small, write_atomically
from appliance.operations.model import Facts, Outcome, Progress, Result

_REQUEST, _PROGRESS, _LOG, _RESULT = "request", "progress", "log", "result"
# The folder keeps other accounts out; the two that share it read each other's files.
_MODE = 0o644
# One side may be under an attacker's control: what the other side reads has a bound. A request may
# hold a megabyte of certificates and one of keys, in base64.
_LONGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OperationFolder:
    """Files that one side writes and the other side reads; a wrong file counts as none."""

    path: Path

    def ask(self, request: Facts) -> None:
        """Leave a request, and remove what an earlier run left. Raises OSError."""
        for name in (_PROGRESS, _LOG, _RESULT):
            (self.path / name).unlink(missing_ok=True)
        write_atomically(self.path / _REQUEST, json.dumps(dict(request)).encode(), mode=_MODE)

    def take_request(self) -> Facts:
        """Return the request, or an empty object, and remove it: it may hold a key."""
        found = _read(self.path / _REQUEST)
        (self.path / _REQUEST).unlink(missing_ok=True)
        return found or {}

    def say(self, progress: Progress) -> None:
        """Say how far the work is. A full disk is not its end."""
        with contextlib.suppress(OSError):
            write_atomically(
                self.path / _PROGRESS, json.dumps(asdict(progress)).encode(), mode=_MODE
            )

    def log(self, line: str) -> None:
        """Add a line to the log."""
        with contextlib.suppress(OSError), (self.path / _LOG).open("a") as file:
            file.write(" ".join(line.split()) + "\n")
            os.fchmod(file.fileno(), _MODE)

    def end(self, result: Result) -> None:
        """Say how the work ended."""
        with contextlib.suppress(OSError):
            content = json.dumps(asdict(result), default=str).encode()
            write_atomically(self.path / _RESULT, content, mode=_MODE)

    def progress(self) -> Progress | None:
        """Return how far the work is."""
        found = _read(self.path / _PROGRESS)
        try:
            return (
                Progress(str(found["sentence"]), found["done"], found["total"]) if found else None
            )
        except (KeyError, TypeError):
            return None

    def lines(self, after: int) -> list[str]:
        """Return the lines of the log after the first `after` ones."""
        text = _text(self.path / _LOG)
        # The last one may be half written.
        return text[: text.rfind("\n") + 1].splitlines()[after:]

    def result(self) -> Result | None:
        """Return how the work ended, if it has said so."""
        found = _read(self.path / _RESULT)
        try:
            return Result(**{**found, "outcome": Outcome(found["outcome"])}) if found else None
        except (KeyError, TypeError, ValueError):
            return None

    def take_result(self) -> Result | None:
        """Return how the work ended, and remove it: an asker that comes later asks again."""
        found = self.result()
        (self.path / _RESULT).unlink(missing_ok=True)
        return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(_text(path))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(path: Path) -> str:
    return (read_small(path, _LONGEST) or b"").decode(errors="replace")
