"""Whether the last renewal failed, as a file: a renewal that no longer works is shown at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.core.errors import ApplianceError, Audience
from appliance.core.files import private_directory, write_atomically

_NAME = "certificate-renewal.json"


@dataclass(frozen=True, slots=True)
class RenewalFailure:
    """Why the machine could not renew its certificate, in words for operators."""

    at: datetime
    message: str
    hint: str


def note_failure(folder: Path, error: ApplianceError, at: datetime) -> None:
    """Remember that a renewal failed. Raises OSError."""
    words = error.words_for(Audience.OPERATOR)
    record = {"at": at.isoformat(), "message": words.sentence, "hint": words.hint}
    private_directory(folder)
    write_atomically(folder / _NAME, json.dumps(record).encode())


def forget_failure(folder: Path) -> None:
    """Remember that the renewal works again. Raises OSError."""
    (folder / _NAME).unlink(missing_ok=True)


def read_failure(folder: Path) -> RenewalFailure | None:
    """Return why the last renewal failed, if it did."""
    try:
        record = json.loads((folder / _NAME).read_bytes())
        at = datetime.fromisoformat(record["at"])
        return RenewalFailure(at, str(record["message"]), str(record["hint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
