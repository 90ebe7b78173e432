"""How a download ended, in a file that its unit writes and the command that started it reads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from appliance.core.errors import ApplianceError
from appliance.core.files import read_small
from appliance.fetch.errors import ReportedError, error_with_code
from appliance.fetch.names import ModelName, escape

# As much as the file holds from the beginning: on a full disk there is room for the result.
_RESERVED = 4096


class Outcome(StrEnum):
    """How a download ended; RUNNING is what the file says until then."""

    RUNNING = "running"
    FETCHED = "fetched"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The outcome; when it is FAILED, the error as its code and facts, and as it was worded."""

    outcome: Outcome
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: ApplianceError | None) -> FetchResult:
        """Return the result of a download that ended with this error, or well."""
        if error is None:
            return cls(Outcome.FETCHED)
        facts = {name: str(fact) for name, fact in error.facts.items()}
        return cls(Outcome.FAILED, error.code, facts, error.message, error.advice)

    @property
    def error(self) -> ApplianceError | None:
        """Return the error again, or None when there was none."""
        if self.outcome is not Outcome.FAILED:
            return None
        known = error_with_code(self.code, self.facts)
        return known or ReportedError(message=self.message, advice=self.hint)


def result_file(models: Path, name: ModelName) -> Path:
    """Return where the unit that fetches a model writes its result."""
    return models / "incoming" / f"{escape(str(name))}.result"


def reserve(path: Path) -> None:
    """Make the file before the download begins. A disk that is full already leaves none."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(_content(FetchResult(Outcome.RUNNING)))


def write(path: Path, result: FetchResult) -> None:
    """Write the result over what was reserved. Raises nothing: it is a report, not the work."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(_content(result))


def read(path: Path) -> FetchResult | None:
    """Return what the unit has written, or None when it has written no result.

    The unit has the network, and root reads the file: a link is not followed.
    """
    content = read_small(path, 4 * _RESERVED)
    try:
        found = json.loads(content or b"")
        facts = {str(name): str(fact) for name, fact in found["facts"].items()}
        words = (str(found[name]) for name in ("message", "hint"))
        return FetchResult(Outcome(found["outcome"]), str(found["code"]), facts, *words)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _content(result: FetchResult) -> bytes:
    entry = {
        "outcome": result.outcome,
        "code": result.code,
        "facts": dict(result.facts),
        "message": result.message,
        "hint": result.hint,
    }
    return json.dumps(entry).encode().ljust(_RESERVED)
