"""The published list of what the repository holds: for processes that cannot open it.

The backup job writes it at the end of its work; the console, the command line and the health checks
read it, also while the database is down.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.files import write_atomically
from appliance.core.json_values import plain
from appliance.repository.key_files import KeyFile, KeyRole
from appliance.repository.model import Content, Drilled, Kind, Snapshot, Verdict

FILE = "catalog.json"
# The group of its folder is that of the supervisor.
_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a repository holds, the newest snapshot first.

    `repository` is its id, `bytes` how much room it takes. `checked_at` is when each of its files
    was last read and found whole, `damage` what the latest such reading found wrong.
    """

    repository: str
    written_at: datetime
    bytes: int
    snapshots: tuple[Snapshot, ...] = ()
    keys: tuple[KeyFile, ...] = ()
    checked_at: datetime | None = None
    damage: str = ""

    @property
    def sets(self) -> tuple[Snapshot, ...]:
        """The sets, the newest first."""
        return tuple(found for found in self.snapshots if found.kind is Kind.SET)

    @property
    def verified(self) -> Snapshot | None:
        """The newest set that a drill has restored."""
        return next((found for found in self.sets if found.is_verified), None)

    @property
    def recovery_key(self) -> KeyFile | None:
        """The newest recovery key that opens the repository."""
        recovery = [key for key in self.keys if key.is_recovery]
        return max(recovery, key=lambda key: key.created_at, default=None)


def write(path: Path, catalog: Catalog) -> None:
    """Publish the catalogue. Raises OSError."""
    content = json.dumps(asdict(catalog), default=plain, indent=1)
    write_atomically(path, content.encode(), mode=_MODE)


async def read(path: Path) -> Catalog | None:
    """Return the catalogue; None without one, or if it cannot be read."""
    return await asyncio.to_thread(read_at_once, path)


def read_at_once(path: Path) -> Catalog | None:
    """Return the catalogue as `read` does, for callers outside of an event loop."""
    try:
        return _catalog(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _catalog(found: Mapping[str, Any]) -> Catalog:
    return Catalog(
        repository=found["repository"],
        written_at=datetime.fromisoformat(found["written_at"]),
        bytes=found["bytes"],
        snapshots=tuple(map(_snapshot, found["snapshots"])),
        keys=tuple(map(_key, found["keys"])),
        checked_at=_time_or_none(found["checked_at"]),
        damage=found["damage"],
    )


def _snapshot(found: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=found["id"],
        kind=Kind(found["kind"]),
        taken_at=datetime.fromisoformat(found["taken_at"]),
        content=Content(**found["content"]),
        drills=tuple(map(_drilled, found["drills"])),
    )


def _drilled(found: Mapping[str, Any]) -> Drilled:
    at, verdict = datetime.fromisoformat(found["at"]), Verdict(found["verdict"])
    return Drilled(verdict, at, found["source"], found["seconds"], found["reason"])


def _key(found: Mapping[str, Any]) -> KeyFile:
    return KeyFile(
        id=found["id"],
        role=KeyRole(found["role"]),
        fingerprint=found["fingerprint"],
        created_at=datetime.fromisoformat(found["created_at"]),
        retired=tuple(found["retired"]),
    )


def _time_or_none(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
