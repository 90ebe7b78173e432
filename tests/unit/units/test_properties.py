"""What systemd says about a unit, and what it means."""

from __future__ import annotations

import pytest

from appliance.units.model import Ending, EndingKind, Kind, Origin, UnitState
from appliance.units.properties import History, Properties, ending_of, state_of
from tests.unit.supervisor.observations import exited, killed

FAILED = Properties(active="failed", sub="failed", result="exit-code", code=1, exit_status=3)
CLEAN = Properties(active="inactive", code=1, exit_status=0)
TERMINATED = Properties(active="inactive", code=2, exit_status=15)
ONESHOT = Kind.ONESHOT
REFUSED = Ending(EndingKind.REFUSED, detail="no")


@pytest.mark.parametrize(
    ("seen", "history", "state", "ending"),
    [
        (Properties(active="activating", sub="start-pre"), History(), UnitState.STARTING, None),
        (Properties(active="activating", sub="start", pid=7), History(), UnitState.RUNNING, None),
        (Properties(active="active", sub="running", pid=7), History(), UnitState.RUNNING, None),
        (Properties(active="reloading", sub="reload", pid=7), History(), UnitState.RUNNING, None),
        (Properties(active="deactivating", pid=7), History(), UnitState.STOPPING, None),
        (Properties(), History(), UnitState.STOPPED, None),
        (CLEAN, History(), UnitState.STOPPED, None),
        (CLEAN, History(ran=True), UnitState.FAILED, exited(0)),
        (TERMINATED, History(ran=True), UnitState.FAILED, killed(15)),
        (
            TERMINATED,
            History(ran=True, stopped_by=Origin.SUPERVISOR),
            UnitState.STOPPED,
            killed(15),
        ),
        (FAILED, History(), UnitState.FAILED, exited(3)),
        (
            FAILED,
            History(ran=True, stopped_by=Origin.SYSTEMCTL),
            UnitState.STOPPED,
            exited(3),
        ),
        (Properties(), History(refused=REFUSED), UnitState.FAILED, REFUSED),
        (Properties(), History(pending=True), UnitState.STARTING, None),
        (CLEAN, History(ran=True, pending=True, was_up=True), UnitState.STOPPING, exited(0)),
        (Properties(active="activating", pid=7), History(ONESHOT), UnitState.RUNNING, None),
        (CLEAN, History(ONESHOT), UnitState.STOPPED, None),
        (CLEAN, History(ONESHOT, ran=True), UnitState.DONE, exited(0)),
        (
            CLEAN,
            History(ONESHOT, ran=True, stopped_by=Origin.SYSTEMCTL),
            UnitState.DONE,
            exited(0),
        ),
        (FAILED, History(ONESHOT, ran=True), UnitState.FAILED, exited(3)),
        (Properties(active="active", sub="exited"), History(ONESHOT), UnitState.STOPPED, None),
        (
            Properties(active="active", sub="exited"),
            History(ONESHOT, ran=True),
            UnitState.DONE,
            None,
        ),
    ],
)
def test_the_state_of_a_unit(
    seen: Properties, history: History, state: UnitState, ending: Ending | None
) -> None:
    assert state_of(seen, history) == (state, ending)


@pytest.mark.parametrize(
    ("seen", "ending"),
    [
        (FAILED, exited(3)),
        (
            Properties(result="exit-code", code=1, exit_status=226),
            Ending(EndingKind.SETUP_FAILED, code=226),
        ),
        (Properties(result="signal", code=2, exit_status=9), killed()),
        (
            Properties(result="core-dump", code=3, exit_status=11),
            Ending(EndingKind.DUMPED, signal=11),
        ),
        (Properties(result="watchdog", code=2, exit_status=6), Ending(EndingKind.WATCHDOG)),
        (Properties(result="timeout", code=2, exit_status=15), Ending(EndingKind.TIMED_OUT)),
        (Properties(result="oom-kill", code=2, exit_status=9), Ending(EndingKind.OUT_OF_MEMORY)),
        (Properties(result="resources"), Ending(EndingKind.NO_RESOURCES)),
        (Properties(result="new-word"), Ending(EndingKind.UNKNOWN, detail="new-word")),
        (Properties(), Ending(EndingKind.UNKNOWN)),
    ],
)
def test_how_a_unit_ended_is_a_fact(seen: Properties, ending: Ending) -> None:
    assert ending_of(seen) == ending


def test_only_what_matters_is_taken_over() -> None:
    seen = Properties().updated({"ActiveState": "active", "MainPID": 7, "CPUUsageNSec": 12})
    assert (seen.active, seen.pid, seen.sub) == ("active", 7, "dead")
