"""Who stopped or started a unit, told from the order of what the bus says."""

from __future__ import annotations

import pytest

from appliance.units.followed import LOST, Followed, Standing
from appliance.units.model import Kind, UnitState
from tests.unit.supervisor.observations import a_unit

UP = {"ActiveState": "active", "SubState": "running", "MainPID": 7, "ExecMainStartTimestamp": 5}
DOWN = {"ActiveState": "inactive", "SubState": "dead", "MainPID": 0}
TERM = DOWN | {"ExecMainCode": 2, "ExecMainStatus": 15}
NONE: frozenset[str] = frozenset()


def running(kind: Kind = Kind.SERVICE) -> Followed:
    followed = Followed(a_unit(kind=kind))
    followed.first_read(UP, None)
    followed.standing()
    return followed


async def test_a_stop_by_a_job_that_is_not_ours_is_somebody_elses() -> None:
    followed = running()
    followed.job_begun("/job/1")
    followed.update({"ActiveState": "deactivating"})
    assert followed.standing().state is UnitState.STOPPING
    followed.update(TERM)
    assert followed.standing().state is UnitState.STOPPING
    followed.job_ended("/job/1", "done")
    assert followed.standing() == Standing(UnitState.STOPPED, None, "killed by SIGTERM", True)


async def test_a_stop_by_our_job_is_ours() -> None:
    followed = running()
    followed.job_begun("/job/1")
    job = followed.job_taken("/job/1", stops=True, before=NONE)
    followed.update(TERM)
    followed.job_ended("/job/1", "done")
    assert followed.standing() == Standing(UnitState.STOPPED, None, "killed by SIGTERM", False)
    assert job.result.result() == "done"


async def test_a_stop_that_was_already_there_when_we_asked_stays_somebody_elses() -> None:
    followed = running()
    followed.job_begun("/job/1")
    followed.job_taken("/job/1", stops=True, before=frozenset({"/job/1"}))
    followed.update(TERM)
    followed.job_ended("/job/1", "done")
    assert followed.standing().outside


async def test_an_end_without_a_job_is_the_units_own() -> None:
    followed = running()
    followed.update(TERM)
    assert followed.standing() == Standing(UnitState.FAILED, None, "killed by SIGTERM", False)


async def test_a_stop_of_what_has_failed_before_is_a_wish_too() -> None:
    followed = running()
    followed.update(DOWN | {"ActiveState": "failed", "Result": "signal"})
    assert followed.standing().state is UnitState.FAILED
    followed.job_begun("/job/1")
    followed.job_ended("/job/1", "done")
    assert followed.standing().state is UnitState.STOPPED
    assert followed.standing().outside


async def test_a_restart_by_somebody_else_is_no_stop() -> None:
    followed = running()
    followed.job_begun("/job/1")
    followed.update(TERM)
    assert followed.standing().state is UnitState.STOPPING
    followed.update(UP | {"MainPID": 8})
    followed.job_ended("/job/1", "done")
    assert followed.standing() == Standing(UnitState.RUNNING, 8, None, True)


async def test_our_start_is_ours_and_ends_an_earlier_stop() -> None:
    followed = running()
    followed.job_begun("/job/1")
    followed.update(TERM)
    followed.job_ended("/job/1", "done")
    followed.ask_for_start()
    assert followed.standing().state is UnitState.STARTING
    followed.job_begun("/job/2")
    followed.job_taken("/job/2", stops=False, before=NONE)
    followed.update(UP)
    followed.job_ended("/job/2", "done")
    followed.asking = False
    assert followed.standing() == Standing(UnitState.RUNNING, 7, None, False)


async def test_a_start_that_an_administrator_calls_off_is_not_tried_again() -> None:
    followed = Followed(a_unit())
    followed.ask_for_start()
    followed.job_begun("/job/1")
    followed.job_taken("/job/1", stops=False, before=NONE)
    followed.job_ended("/job/1", "canceled")
    followed.job_begun("/job/2")
    followed.job_ended("/job/2", "done")
    followed.asking = False
    assert followed.standing() == Standing(UnitState.STOPPED, None, None, True)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("done", "start refused: a condition in its unit file is not met"),
        ("dependency", "start refused: a unit that it requires did not start"),
        ("unsupported", "start refused: unsupported"),
    ],
)
async def test_a_start_that_runs_nothing_was_refused(result: str, reason: str) -> None:
    followed = Followed(a_unit())
    followed.ask_for_start()
    followed.job_taken("/job/1", stops=False, before=NONE)
    followed.job_ended("/job/1", result)
    followed.asking = False
    assert followed.standing() == Standing(UnitState.FAILED, None, reason, False)


async def test_a_run_that_was_over_before_it_was_seen_is_a_run() -> None:
    followed = Followed(a_unit(kind=Kind.ONESHOT))
    followed.ask_for_start()
    followed.job_taken("/job/1", stops=False, before=NONE)
    followed.update({"ExecMainStartTimestamp": 9, "ExecMainCode": 1, "ExecMainStatus": 0})
    followed.job_ended("/job/1", "done")
    followed.asking = False
    assert followed.standing().state is UnitState.DONE


async def test_what_systemd_has_forgotten_meanwhile_is_still_known() -> None:
    followed = running(Kind.ONESHOT)
    followed.update(DOWN | {"ExecMainCode": 1, "ExecMainStatus": 0})
    assert followed.standing().state is UnitState.DONE
    forgotten = {"Result": "success", "ExecMainCode": 0, "ExecMainStartTimestamp": 0}
    followed.update(forgotten)
    assert followed.standing().state is UnitState.DONE
    followed.read_again(DOWN | forgotten, None)
    assert followed.standing().state is UnitState.DONE


async def test_a_oneshot_that_counts_as_active_needs_a_restart_to_run_again() -> None:
    followed = Followed(a_unit(kind=Kind.ONESHOT))
    followed.first_read({"ActiveState": "active", "SubState": "exited"}, None)
    assert followed.standing().state is UnitState.STOPPED
    assert followed.needs_restart


async def test_a_stop_that_is_under_way_when_we_come_is_waited_for_but_is_nobodys_wish() -> None:
    followed = Followed(a_unit())
    followed.first_read(UP | {"ActiveState": "deactivating"}, "/job/1")
    assert followed.standing().state is UnitState.STOPPING
    followed.update(TERM)
    assert followed.standing().state is UnitState.STOPPING
    followed.job_ended("/job/1", "done")
    assert followed.standing() == Standing(UnitState.FAILED, None, "killed by SIGTERM", False)


@pytest.mark.parametrize("ours", [True, False])
async def test_reading_again_in_the_middle_of_a_stop_does_not_change_whose_it_is(
    ours: bool,
) -> None:
    followed = running()
    followed.job_begun("/job/1")
    if ours:
        followed.job_taken("/job/1", stops=True, before=NONE)
    followed.read_again(UP | {"ActiveState": "deactivating"}, "/job/1")
    followed.update(TERM)
    followed.job_ended("/job/1", "done")
    assert followed.standing() == Standing(UnitState.STOPPED, None, "killed by SIGTERM", not ours)


async def test_when_the_bus_is_lost_nobody_waits_in_vain() -> None:
    followed = running()
    job = followed.job_taken("/job/1", stops=True, before=NONE)
    followed.job_begun("/job/2")
    followed.lose()
    assert job.result.result() == LOST
    assert followed.standing().state is UnitState.RUNNING
