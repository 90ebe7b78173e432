"""What systemd says about a unit, and what it means."""

from __future__ import annotations

import pytest

from appliance.units.model import Kind, UnitState
from appliance.units.properties import Properties, StoppedBy, Story, describe_ending, state_of

FAILED = Properties(active="failed", sub="failed", result="exit-code", code=1, exit_status=3)
CLEAN = Properties(active="inactive", code=1, exit_status=0)
TERMINATED = Properties(active="inactive", code=2, exit_status=15)
ONESHOT = Kind.ONESHOT


@pytest.mark.parametrize(
    ("seen", "story", "state", "ending"),
    [
        (Properties(active="activating", sub="start-pre"), Story(), UnitState.STARTING, None),
        (Properties(active="activating", sub="start", pid=7), Story(), UnitState.RUNNING, None),
        (Properties(active="active", sub="running", pid=7), Story(), UnitState.RUNNING, None),
        (Properties(active="reloading", sub="reload", pid=7), Story(), UnitState.RUNNING, None),
        (Properties(active="deactivating", pid=7), Story(), UnitState.STOPPING, None),
        (Properties(), Story(), UnitState.STOPPED, None),
        (CLEAN, Story(), UnitState.STOPPED, None),
        (CLEAN, Story(ran=True), UnitState.FAILED, "ended with code 0"),
        (TERMINATED, Story(ran=True), UnitState.FAILED, "killed by SIGTERM"),
        (
            TERMINATED,
            Story(ran=True, stopped_by=StoppedBy.US),
            UnitState.STOPPED,
            "killed by SIGTERM",
        ),
        (FAILED, Story(), UnitState.FAILED, "ended with code 3"),
        (
            FAILED,
            Story(ran=True, stopped_by=StoppedBy.OTHERS),
            UnitState.STOPPED,
            "ended with code 3",
        ),
        (Properties(), Story(refused="start refused: no"), UnitState.FAILED, "start refused: no"),
        (Properties(), Story(pending=True), UnitState.STARTING, None),
        (CLEAN, Story(ran=True, pending=True, was_up=True), UnitState.STOPPING, None),
        (Properties(active="activating", pid=7), Story(ONESHOT), UnitState.RUNNING, None),
        (CLEAN, Story(ONESHOT), UnitState.STOPPED, None),
        (CLEAN, Story(ONESHOT, ran=True), UnitState.DONE, "ended with code 0"),
        (
            CLEAN,
            Story(ONESHOT, ran=True, stopped_by=StoppedBy.OTHERS),
            UnitState.DONE,
            "ended with code 0",
        ),
        (FAILED, Story(ONESHOT, ran=True), UnitState.FAILED, "ended with code 3"),
        (Properties(active="active", sub="exited"), Story(ONESHOT), UnitState.STOPPED, None),
        (Properties(active="active", sub="exited"), Story(ONESHOT, ran=True), UnitState.DONE, None),
    ],
)
def test_the_state_of_a_unit(
    seen: Properties, story: Story, state: UnitState, ending: str | None
) -> None:
    assert state_of(seen, story) == (state, ending)


@pytest.mark.parametrize(
    ("seen", "ending"),
    [
        (FAILED, "ended with code 3"),
        (Properties(result="exit-code", code=1, exit_status=226), "226 (systemd: NAMESPACE)"),
        (Properties(result="signal", code=2, exit_status=9), "killed by SIGKILL"),
        (Properties(result="core-dump", code=3, exit_status=11), "killed by SIGSEGV, core dumped"),
        (Properties(result="watchdog", code=2, exit_status=6), "killed by its watchdog"),
        (Properties(result="timeout", code=2, exit_status=15), "timed out"),
        (Properties(result="oom-kill", code=2, exit_status=9), "memory ran out"),
        (Properties(result="resources"), "could not be run"),
        (Properties(result="new-word"), "ended: new-word"),
        (Properties(), "ended"),
    ],
)
def test_an_ending_is_a_sentence(seen: Properties, ending: str) -> None:
    assert ending in describe_ending(seen)


def test_only_what_matters_is_taken_over() -> None:
    seen = Properties().updated({"ActiveState": "active", "MainPID": 7, "CPUUsageNSec": 12})
    assert (seen.active, seen.pid, seen.sub) == ("active", 7, "dead")
