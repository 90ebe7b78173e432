"""The record of a trial: one file, written before the change that it undoes."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path

from appliance.core.files import fsync_directory, private_directory, write_atomically
from appliance.trial.model import Trial, TrialKind

logger = logging.getLogger(__name__)

NAME = "trial.json"


def write_trial(folder: Path, trial: Trial) -> None:
    """Write the record so that it survives a power cut. Raises OSError."""
    record = {
        "id": trial.id,
        "kind": trial.kind,
        "facts": dict(trial.facts),
        "started": trial.started.isoformat(),
        "ends": trial.ends.isoformat(),
        "token": trial.token,
    }
    private_directory(folder)
    write_atomically(folder / NAME, json.dumps(record).encode())


def read_trial(folder: Path) -> Trial | None:
    """Return the trial on record, if there is one.

    A record that is no trial is removed: it cannot say what to undo.
    """
    path = folder / NAME
    try:
        record = json.loads(path.read_bytes())
        return Trial(
            id=str(record["id"]),
            kind=TrialKind(record["kind"]),
            facts={str(name): str(value) for name, value in record["facts"].items()},
            started=_moment(record["started"]),
            ends=_moment(record["ends"]),
            token=str(record["token"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        logger.warning("the record of a trial is unusable and was removed: %r", error)
        remove_trial(folder)
        return None


def remove_trial(folder: Path) -> None:
    """Remove the record for good. Raises OSError."""
    (folder / NAME).unlink(missing_ok=True)
    fsync_directory(folder)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
