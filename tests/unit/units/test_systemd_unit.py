"""Who stopped or started a unit, by the order of what the bus says."""

from __future__ import annotations

import pytest

from appliance.units.model import Ending, EndingKind, Kind, Origin, UnitState
from appliance.units.systemd_unit import LOST, ObservedState, SystemdUnit
from tests.unit.supervisor.observations import a_unit, killed

UP = {"ActiveState": "active", "SubState": "running", "MainPID": 7, "ExecMainStartTimestamp": 5}
DOWN = {"ActiveState": "inactive", "SubState": "dead", "MainPID": 0}
TERM = DOWN | {"ExecMainCode": 2, "ExecMainStatus": 15}
TERMINATED = killed(15)
US, SYSTEMCTL, ITSELF = Origin.SUPERVISOR, Origin.SYSTEMCTL, Origin.UNIT
NONE: frozenset[str] = frozenset()


def running(kind: Kind = Kind.SERVICE) -> SystemdUnit:
    unit = SystemdUnit(a_unit(kind=kind))
    unit.first_read(UP, None)
    unit.observe()
    return unit


async def test_a_stop_by_a_job_that_is_not_ours_is_an_administrators() -> None:
    unit = running()
    unit.job_begun("/job/1")
    unit.update({"ActiveState": "deactivating"})
    assert unit.observe().state is UnitState.STOPPING
    unit.update(TERM)
    assert unit.observe().state is UnitState.STOPPING
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.STOPPED, None, TERMINATED, SYSTEMCTL)


async def test_a_stop_by_our_job_is_ours() -> None:
    unit = running()
    unit.job_begun("/job/1")
    job = unit.job_taken("/job/1", stops=True, before=NONE)
    unit.update(TERM)
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.STOPPED, None, TERMINATED, US)
    assert job.result.result() == "done"


async def test_a_unit_that_rests_is_not_prepared_while_we_have_it_stopped() -> None:
    unit = running()
    unit.update(TERM)
    failed = unit.observe()
    assert failed.state is UnitState.FAILED
    unit.job_begun("/job/1")
    unit.job_taken("/job/1", stops=True, before=NONE)
    assert unit.observe() == failed


async def test_a_stop_that_was_already_there_when_we_asked_stays_an_administrators() -> None:
    unit = running()
    unit.job_begun("/job/1")
    unit.job_taken("/job/1", stops=True, before=frozenset({"/job/1"}))
    unit.update(TERM)
    unit.job_ended("/job/1", "done")
    assert unit.observe().origin is SYSTEMCTL


async def test_an_end_without_a_job_is_the_units_own() -> None:
    unit = running()
    unit.update(TERM)
    assert unit.observe() == ObservedState(UnitState.FAILED, None, TERMINATED, ITSELF)


async def test_a_stop_of_what_has_failed_before_is_a_request_too() -> None:
    unit = running()
    unit.update(DOWN | {"ActiveState": "failed", "Result": "signal"})
    assert unit.observe().state is UnitState.FAILED
    unit.job_begun("/job/1")
    unit.job_ended("/job/1", "done")
    assert unit.observe().state is UnitState.STOPPED
    assert unit.observe().origin is SYSTEMCTL


async def test_a_restart_by_systemctl_is_no_stop() -> None:
    unit = running()
    unit.job_begun("/job/1")
    unit.update(TERM)
    assert unit.observe().state is UnitState.STOPPING
    unit.update(UP | {"MainPID": 8})
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.RUNNING, 8, None, SYSTEMCTL)


@pytest.mark.parametrize("first", [None, "stop", "crash"])
async def test_a_process_that_is_reported_before_its_units_state_has_not_ended(
    first: str | None,
) -> None:
    unit = running() if first else SystemdUnit(a_unit())
    if first == "stop":
        unit.job_begun("/job/1")
        unit.update(TERM)
        unit.job_ended("/job/1", "done")
    if first == "crash":
        unit.update(TERM)
    unit.job_begun("/job/2")
    begun = {"MainPID": 8, "ExecMainStartTimestamp": 9, "ExecMainCode": 0, "ExecMainStatus": 0}
    unit.update(begun, complete=False)
    unit.update({"ActiveState": "inactive"})
    unit.update(begun, complete=False)
    unit.update({"ActiveState": "activating"})
    revived = (ITSELF, 1) if first == "crash" else (SYSTEMCTL, 0)
    assert unit.observe() == ObservedState(UnitState.RUNNING, 8, None, *revived)


async def test_our_start_is_ours_and_ends_an_earlier_stop() -> None:
    unit = running()
    unit.job_begun("/job/1")
    unit.update(TERM)
    unit.job_ended("/job/1", "done")
    unit.ask_for_start()
    assert unit.observe().state is UnitState.STARTING
    unit.job_begun("/job/2")
    unit.job_taken("/job/2", stops=False, before=NONE)
    unit.update(UP)
    unit.job_ended("/job/2", "done")
    unit.asking = False
    assert unit.observe() == ObservedState(UnitState.RUNNING, 7, None, US)


async def test_a_start_that_an_administrator_calls_off_is_not_tried_again() -> None:
    unit = SystemdUnit(a_unit())
    unit.ask_for_start()
    unit.job_begun("/job/1")
    unit.job_taken("/job/1", stops=False, before=NONE)
    unit.job_ended("/job/1", "canceled")
    unit.job_begun("/job/2")
    unit.job_ended("/job/2", "done")
    unit.asking = False
    assert unit.observe() == ObservedState(UnitState.STOPPED, None, None, SYSTEMCTL)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("done", Ending(EndingKind.CONDITION_UNMET)),
        ("dependency", Ending(EndingKind.DEPENDENCY_FAILED)),
        ("unsupported", Ending(EndingKind.REFUSED, detail="unsupported")),
    ],
)
async def test_a_start_that_runs_nothing_was_refused(result: str, reason: Ending) -> None:
    unit = SystemdUnit(a_unit())
    unit.ask_for_start()
    unit.job_taken("/job/1", stops=False, before=NONE)
    unit.job_ended("/job/1", result)
    unit.asking = False
    assert unit.observe() == ObservedState(UnitState.FAILED, None, reason, ITSELF)


async def test_a_run_that_was_over_before_it_was_seen_is_a_run() -> None:
    unit = SystemdUnit(a_unit(kind=Kind.ONESHOT))
    unit.ask_for_start()
    unit.job_taken("/job/1", stops=False, before=NONE)
    unit.update({"ExecMainStartTimestamp": 9, "ExecMainCode": 1, "ExecMainStatus": 0})
    unit.job_ended("/job/1", "done")
    unit.asking = False
    assert unit.observe().state is UnitState.DONE


async def test_what_systemd_has_forgotten_meanwhile_is_still_known() -> None:
    unit = running(Kind.ONESHOT)
    unit.update(DOWN | {"ExecMainCode": 1, "ExecMainStatus": 0})
    assert unit.observe().state is UnitState.DONE
    forgotten = {"Result": "success", "ExecMainCode": 0, "ExecMainStartTimestamp": 0}
    unit.update(forgotten)
    assert unit.observe().state is UnitState.DONE
    unit.read_again(DOWN | forgotten, None)
    assert unit.observe().state is UnitState.DONE


async def test_a_oneshot_that_counts_as_active_needs_a_restart_to_run_again() -> None:
    unit = SystemdUnit(a_unit(kind=Kind.ONESHOT))
    unit.first_read({"ActiveState": "active", "SubState": "exited"}, None)
    assert unit.observe().state is UnitState.STOPPED
    assert unit.needs_restart


async def test_a_stop_that_is_under_way_when_we_come_is_waited_for_but_is_no_request() -> None:
    unit = SystemdUnit(a_unit())
    unit.first_read(UP | {"ActiveState": "deactivating"}, "/job/1")
    assert unit.observe().state is UnitState.STOPPING
    unit.update(TERM)
    assert unit.observe().state is UnitState.STOPPING
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.FAILED, None, TERMINATED, ITSELF)


@pytest.mark.parametrize("ours", [True, False])
async def test_reading_again_in_the_middle_of_a_stop_does_not_change_whose_it_is(
    ours: bool,
) -> None:
    unit = running()
    unit.job_begun("/job/1")
    if ours:
        unit.job_taken("/job/1", stops=True, before=NONE)
    unit.read_again(UP | {"ActiveState": "deactivating"}, "/job/1")
    unit.update(TERM)
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(
        UnitState.STOPPED, None, TERMINATED, US if ours else SYSTEMCTL
    )


async def test_when_the_bus_is_lost_no_caller_waits_for_ever() -> None:
    unit = running()
    job = unit.job_taken("/job/1", stops=True, before=NONE)
    unit.job_begun("/job/2")
    unit.lose()
    assert job.result.result() == LOST
    assert unit.observe().state is UnitState.RUNNING


CRASHING = {"ActiveState": "deactivating", "SubState": "stop-post", "MainPID": 0}
CRASHED = CRASHING | {"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 1}
FAILED = DOWN | {"ActiveState": "failed", "SubState": "failed"}
EXITED = Ending(EndingKind.EXITED, code=1)


def visit(unit: SystemdUnit, number: int, *, typed: bool = True) -> None:
    """Let the socket of a failed unit start it, as systemd does for a visitor who waits."""
    job = f"/job/{number}"
    unit.job_begun(job)
    if typed:
        unit.job_typed(job, "start")
    unit.update(UP | {"ExecMainStartTimestamp": 100 + number, "ExecMainCode": 0})
    unit.job_ended(job, "done")


async def test_a_crash_is_the_units_own_doing_while_systemd_cleans_up_after_it() -> None:
    unit = running()
    unit.update(CRASHED)
    assert unit.observe() == ObservedState(UnitState.STOPPING, None, EXITED, ITSELF)
    unit.update(FAILED)
    assert unit.observe() == ObservedState(UnitState.FAILED, None, EXITED, ITSELF)


@pytest.mark.parametrize("typed", [True, False])
async def test_a_crash_loop_through_a_socket_is_no_stop_and_each_start_is_counted(
    typed: bool,
) -> None:
    unit = running()
    for number in (1, 2, 3):
        unit.update(CRASHED)
        unit.update(FAILED)
        visit(unit, number, typed=typed)
        observed = unit.observe()
        assert (observed.state, observed.origin) == (UnitState.RUNNING, ITSELF)
        assert observed.revivals == number
    unit.update(CRASHED)
    assert unit.observe() == ObservedState(UnitState.STOPPING, None, EXITED, ITSELF, 3)


@pytest.mark.parametrize("typed", [True, False])
async def test_a_run_that_ends_before_its_own_start_job_is_reported_was_not_stopped(
    typed: bool,
) -> None:
    unit = running()
    unit.update(CRASHED)
    unit.update(FAILED)
    unit.job_begun("/job/1")
    if typed:
        unit.job_typed("/job/1", "start")
    unit.update(FAILED | {"ExecMainStartTimestamp": 101})
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.FAILED, None, EXITED, ITSELF, 1)


async def test_a_stop_in_the_middle_of_a_crash_loop_is_a_request() -> None:
    unit = running()
    unit.update(CRASHED)
    unit.job_begun("/job/1")
    unit.job_typed("/job/1", "stop")
    unit.update(FAILED)
    unit.job_ended("/job/1", "done")
    assert unit.observe() == ObservedState(UnitState.STOPPED, None, EXITED, SYSTEMCTL)
    visit(unit, 2)
    assert unit.observe() == ObservedState(UnitState.RUNNING, 7, None, SYSTEMCTL)


async def test_a_job_that_does_nothing_to_a_failed_unit_is_no_stop() -> None:
    unit = running()
    unit.update(FAILED | {"Result": "exit-code", "ExecMainCode": 1, "ExecMainStatus": 1})
    unit.job_begun("/job/1")
    unit.job_typed("/job/1", "nop")
    unit.job_ended("/job/1", "done")
    assert unit.observe().state is UnitState.FAILED


async def test_a_start_that_we_asked_for_after_a_crash_is_ours() -> None:
    unit = running()
    unit.update(CRASHED)
    unit.update(FAILED)
    unit.ask_for_start()
    unit.job_begun("/job/1")
    unit.job_taken("/job/1", stops=False, before=NONE)
    unit.update(UP | {"ExecMainStartTimestamp": 9})
    unit.job_ended("/job/1", "done")
    unit.asking = False
    assert unit.observe() == ObservedState(UnitState.RUNNING, 7, None, US)


async def test_a_change_is_understood_when_all_of_it_is_there() -> None:
    unit = SystemdUnit(a_unit())
    unit.first_read(DOWN, None)
    unit.update({"MainPID": 7, "ExecMainStartTimestamp": 9}, complete=False)
    unit.update({"ActiveState": "active", "SubState": "running"})
    assert unit.observe() == ObservedState(UnitState.RUNNING, 7, None, SYSTEMCTL)
