"""What the supervisor itself remembers about backups, as two small files beside its other state.

They are files and not rows, because backups are judged also while the database is down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.files import private_directory, write_atomically
from appliance.core.json_values import plain

KEY_FILE, PLAN_FILE = "recovery-key.json", "backups.json"


@dataclass(frozen=True, slots=True)
class KeyProof:
    """That a person typed the recovery key, and it opened the repository."""

    fingerprint: str
    proven_at: datetime


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """What the plan needs to remember across a restart.

    `claimed_at` is when the machine was first seen with an operator. `drilled` has when a copy was
    drilled last, by `index` or the number of its target. `read_part` is the part of the copies that
    was read last. `restored_at` is when a restore put a former state aside that is still kept.
    """

    claimed_at: datetime | None = None
    drilled: Mapping[str, datetime] = field(default_factory=dict)
    read_part: int = 0
    restored_at: datetime | None = None


def read_proof(folder: Path) -> KeyProof | None:
    """Return the latest proof of the recovery key."""
    found = _read(folder / KEY_FILE)
    try:
        return KeyProof(found["fingerprint"], datetime.fromisoformat(found["proven_at"]))
    except (KeyError, TypeError, ValueError):
        return None


def write_proof(folder: Path, proof: KeyProof) -> None:
    """Keep a proof. Raises OSError."""
    _write(folder / KEY_FILE, asdict(proof))


def read_plan(folder: Path) -> PlanRecord:
    """Return what was remembered; a file that cannot be read counts as none."""
    found = _read(folder / PLAN_FILE)
    try:
        return PlanRecord(
            claimed_at=_time(found.get("claimed_at")),
            drilled={
                str(name): datetime.fromisoformat(at)
                for name, at in (found.get("drilled") or {}).items()
            },
            read_part=int(found.get("read_part") or 0),
            restored_at=_time(found.get("restored_at")),
        )
    except (AttributeError, TypeError, ValueError):
        return PlanRecord()


def write_plan(folder: Path, record: PlanRecord) -> None:
    """Keep a record. Raises OSError."""
    _write(folder / PLAN_FILE, asdict(record))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    private_directory(path.parent)
    write_atomically(path, json.dumps(values, default=plain).encode())


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
