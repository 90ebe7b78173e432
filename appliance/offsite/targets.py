"""The targets and how their copies went, as files: the supervisor writes one, the copy the other.

`N.json` is target N with what is needed to reach it, `N.state.json` how the latest copy went.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import MOST_TARGETS
from appliance.offsite.model import Protection, Target, TargetKind, TargetState

# The folder's group is those who copy, and those who make and restore sets.
_MODE = 0o640
_TIMES = ("tried_at", "complete_at", "next_try_at")


def read_targets(folder: Path) -> tuple[Target, ...]:
    """Return the targets in the order of their numbers; files that cannot be read are left out."""
    found = (read_target(folder, number) for number in range(1, MOST_TARGETS + 1))
    return tuple(target for target in found if target is not None)


def read_target(folder: Path, number: int) -> Target | None:
    """Return the target with a number; None without one."""
    found = _read(_target_file(folder, number))
    try:
        if found is None:
            return None
        return Target(**{**found, "number": number, "kind": TargetKind(found["kind"])})
    except (KeyError, TypeError, ValueError):
        return None


def write_target(folder: Path, target: Target, *, packaged: bool) -> None:
    """Keep a target. Packaged, its folder is there. Raises OSError."""
    if not packaged:
        private_directory(folder)
    _write(_target_file(folder, target.number), asdict(target))


def remove_target(folder: Path, number: int) -> None:
    """Forget a target, and how its copies went; the copies themselves stay where they are."""
    for path in (_target_file(folder, number), _state_file(folder, number)):
        path.unlink(missing_ok=True)


def read_state(folder: Path, number: int) -> TargetState:
    """Return how the copying to a target went; nothing is known without a file."""
    found = _read(_state_file(folder, number)) or {}
    try:
        times = {name: _time(found.get(name)) for name in _TIMES}
        protection = Protection(found.get("protection", Protection.UNKNOWN))
        return TargetState(**{**found, **times, "protection": protection})
    except (TypeError, ValueError):
        return TargetState()


def write_state(folder: Path, number: int, state: TargetState) -> None:
    """Keep how the copying to a target went. Raises OSError."""
    _write(_state_file(folder, number), asdict(state))


def _target_file(folder: Path, number: int) -> Path:
    return folder / f"{number}.json"


def _state_file(folder: Path, number: int) -> Path:
    return folder / f"{number}.state.json"


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, values: Mapping[str, Any]) -> None:
    content = json.dumps(values, default=_plain, indent=1)
    write_atomically(path, content.encode(), mode=_MODE)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
