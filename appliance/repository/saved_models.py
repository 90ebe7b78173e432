"""The models that were saved, in a repository of their own: its snapshots, and a published record.

That repository lies in the folder of the other one, at `models/`, with the same config and the same
key files: what opens the sets opens the models, whichever keys are added or replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.files import write_atomically
from appliance.core.json_values import plain
from appliance.repository.model import time_of

FILE = "models.json"
# The tag of each snapshot of models.
TAG = "models"
_CONTENT = "content="
# As that of the list of sets.
_MODE = 0o640


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """A snapshot of models. `content` stands for the files that were there when it was made."""

    id: str
    taken_at: datetime
    content: str


@dataclass(frozen=True, slots=True)
class SavedModels:
    """What was saved last, and when that was complete.

    `names` are the models, as people write them. `left_out` are files whose content did not fit
    their name, or that could not be read. `bytes` is what the repository takes, `damage` what its
    latest check found wrong.
    """

    snapshot: ModelSnapshot
    saved_at: datetime
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    bytes: int
    damage: str = ""


def content_tag(content: str) -> str:
    """Return the tag of a snapshot that has this content."""
    return f"{_CONTENT}{content}"


def model_snapshots_from(listed: Iterable[Mapping[str, Any]]) -> tuple[ModelSnapshot, ...]:
    """Return the snapshots of models of `restic snapshots --json`, the newest first."""
    found = [
        ModelSnapshot(str(entry["id"]), time_of(str(entry["time"])), _content(entry["tags"]))
        for entry in listed
        if TAG in (entry.get("tags") or ())
    ]
    return tuple(sorted(found, key=lambda one: one.taken_at, reverse=True))


def write(folder: Path, saved: SavedModels) -> None:
    """Publish what was saved. Raises OSError."""
    content = json.dumps(asdict(saved), default=plain, indent=1).encode()
    write_atomically(folder / FILE, content, mode=_MODE)


def read(folder: Path) -> SavedModels | None:
    """Return what was saved; None if nothing was, or if the record cannot be read."""
    try:
        found = json.loads((folder / FILE).read_text())
        snapshot = found["snapshot"]
        return SavedModels(
            snapshot=ModelSnapshot(
                snapshot["id"], datetime.fromisoformat(snapshot["taken_at"]), snapshot["content"]
            ),
            saved_at=datetime.fromisoformat(found["saved_at"]),
            names=tuple(found["names"]),
            left_out=tuple(found["left_out"]),
            bytes=int(found["bytes"]),
            damage=str(found["damage"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _content(tags: Iterable[object]) -> str:
    found = (str(tag) for tag in tags if str(tag).startswith(_CONTENT))
    return next(found, "").removeprefix(_CONTENT)
