"""What the supervisor keeps about ACME: the plan, and how the runs went. No secret is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.acme.model import AcmePlan, AcmeState, ChallengeKind, NameFailure, Refusal
from appliance.core.files import read_small, write_atomically
from appliance.core.json_values import plain

_PLAN, _STATE = "acme.json", "acme-state.json"
_LARGEST = 256 * 1024
_TIMES = ("tried_at", "issued_at", "not_before", "not_after", "renew_at", "next_try_at")


@dataclass(frozen=True, slots=True)
class AcmeRecords:
    """The files in the folder of the supervisor. One that cannot be read counts as none.

    These methods touch the disk; on an event loop they are called in a thread.
    """

    folder: Path

    def plan(self) -> AcmePlan | None:
        """Return what is set up; None when ACME is off."""
        found = _read(self.folder / _PLAN)
        try:
            return _plan(found) if found else None
        except (KeyError, TypeError, ValueError):
            return None

    def state(self) -> AcmeState:
        """Return how the runs went."""
        found = _read(self.folder / _STATE)
        try:
            return _state(found) if found else AcmeState()
        except (KeyError, TypeError, ValueError):
            return AcmeState()

    def keep_plan(self, plan: AcmePlan) -> None:
        """Set ACME up. Raises OSError."""
        self._write(_PLAN, asdict(plan))

    def keep_state(self, state: AcmeState) -> None:
        """Write how a run went. Raises OSError."""
        self._write(_STATE, asdict(state))

    def forget(self) -> None:
        """Switch ACME off. Raises OSError."""
        for name in (_PLAN, _STATE):
            (self.folder / name).unlink(missing_ok=True)

    def _write(self, name: str, values: Mapping[str, object]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = json.dumps(values, default=plain, indent=1).encode()
        write_atomically(self.folder / name, content)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_small(path, _LARGEST) or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _plan(found: Mapping[str, Any]) -> AcmePlan:
    return AcmePlan(
        **{
            **found,
            "challenge": ChallengeKind(found["challenge"]),
            "contact": tuple(found["contact"]),
            "names": tuple(found["names"]),
        }
    )


def _state(found: Mapping[str, Any]) -> AcmeState:
    times = {name: datetime.fromisoformat(found[name]) for name in _TIMES if found[name]}
    failed = tuple(
        NameFailure(one["name"], Refusal(one["refusal"]), one["detail"]) for one in found["failed"]
    )
    lists = {name: tuple(found[name]) for name in ("names", "wanted")}
    return AcmeState(**{**found, **times, **lists, "failed": failed})
