"""Whether a running unit is older than its program."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.supervisor.stale_program import newest_change, runs_old_program
from appliance.units.model import UnitState, UnitStatus
from tests.fakes.clock import START

STARTED = START.timestamp()


@pytest.mark.parametrize(
    ("state", "changed", "old"),
    [
        (UnitState.RUNNING, STARTED + 1, True),
        (UnitState.RUNNING, STARTED - 1, False),
        (UnitState.RUNNING, None, False),
        (UnitState.STOPPED, STARTED + 1, False),
    ],
)
def test_only_what_has_run_since_before_the_change_is_old(
    state: UnitState, changed: float | None, old: bool
) -> None:
    assert runs_old_program(UnitStatus(state, START, 0.0), changed) is old


def test_a_package_that_brings_old_times_of_modification_still_counts_as_new(
    tmp_path: Path,
) -> None:
    program = tmp_path / "program"
    program.touch()
    written = program.stat().st_ctime
    long_ago = (START - timedelta(days=900)).timestamp()
    os.utime(program, (long_ago, long_ago))
    newest = newest_change((program, tmp_path / "missing"))
    assert newest is not None
    assert newest >= written
    assert newest_change(()) is None
