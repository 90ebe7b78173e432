"""Which running units still run a program, or settings, that are no longer on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from appliance.units.model import UnitState, UnitStatus


def newest_change(files: Iterable[Path]) -> float | None:
    """Return when the last of these files was put in its place, in seconds since 1970.

    That is its time of change and not of modification, which a package brings along from where
    it was built. Files that do not exist are ignored.
    """
    times = []
    for path in files:
        try:
            times.append(path.stat().st_ctime)
        except OSError:
            continue
    return max(times, default=None)


def runs_old_program(status: UnitStatus, changed: float | None) -> bool:
    """Whether a unit has run since before its program or its settings were changed. Pure."""
    if status.state is not UnitState.RUNNING or changed is None:
        return False
    return status.since < datetime.fromtimestamp(changed, status.since.tzinfo)
