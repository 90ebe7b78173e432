"""What is remembered of a unit between two rounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.probes.model import ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.decide import decide
from appliance.supervisor.desired_state import DesiredState
from appliance.supervisor.managed_unit import SYSTEMCTL, ManagedUnit
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    GivenUp,
    NotReady,
    Observation,
    Phase,
)
from appliance.units.model import Kind, Origin, UnitState, UnitStatus
from tests.fakes.clock import START
from tests.unit.supervisor.observations import ANNA, NOW, a_unit, killed, reading

LATER = START + timedelta(hours=1)
GAVE_UP = GivenUp(10, 30, killed())


def status(state: UnitState, origin: Origin = Origin.SUPERVISOR, revivals: int = 0) -> UnitStatus:
    return UnitStatus(state, START, NOW, origin=origin, revivals=revivals)


def managed(state: UnitState = UnitState.RUNNING, **facts: object) -> ManagedUnit:
    seen = Observation(a_unit(), status(state))
    return ManagedUnit(replace(seen, **facts), START)  # type: ignore[arg-type]


def test_failed_probes_in_a_row_are_counted_from_the_first() -> None:
    unit = managed()
    unit.take_reading(reading(ProbeState.FAILED), NOW)
    unit.take_reading(reading(ProbeState.FAILED), NOW + 5)
    assert (unit.seen.failures, unit.seen.failing_since) == (2, NOW)
    unit.take_reading(reading(ProbeState.NOT_READY), NOW + 6)
    assert (unit.seen.failures, unit.seen.failing_since) == (0, None)
    assert unit.seen.ready_since is None


def test_a_busy_unit_is_not_failing_however_often_it_is_asked() -> None:
    unit = managed()
    unit.take_reading(reading(ProbeState.OK), NOW)
    for moment in range(1, 50):
        unit.take_reading(reading(ProbeState.BUSY, "it is busy"), NOW + moment)
    assert unit.seen.failures == 0
    decision = decide(unit.observe(()), Backoff(), NOW + 50)
    assert (decision.action, decision.phase) == (Action.WAIT, Phase.FAILING)
    assert decision.facts.answer == "it is busy"


def test_a_stable_run_ends_the_streak() -> None:
    unit = managed(streak=4)
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.seen.streak == 4
    unit.take_reading(reading(ProbeState.OK), NOW + 10)
    assert unit.seen.streak == 0


def test_probe_results_of_an_earlier_run_are_forgotten() -> None:
    unit = managed()
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.serves
    unit.take_status(status(UnitState.FAILED), START)
    assert unit.seen.reading is None
    assert not unit.serves


def test_a_oneshot_that_is_done_serves() -> None:
    assert managed(UnitState.DONE).serves


def test_a_request_gives_a_fresh_budget() -> None:
    unit = managed(
        UnitState.FAILED, restarts=(1.0,), streak=3, gave_up=GAVE_UP, started_before=True
    )
    unit.take_request(DesiredState.RUNNING, ANNA)
    seen = unit.observe(())
    assert (seen.restarts, seen.streak, seen.gave_up) == ((), 0, None)
    assert not seen.started_before


def test_a_request_is_over_when_the_unit_starts() -> None:
    unit = managed(UnitState.STOPPED)
    unit.take_request(DesiredState.RESTART, ANNA)
    unit.take_start(Action.START, NOW)
    assert unit.observe(()).desired is DesiredState.RUNNING
    assert unit.seen.request is None


def test_who_asked_for_a_stop_is_shown_as_long_as_it_holds() -> None:
    unit = managed()
    unit.take_request(DesiredState.STOPPED, ANNA)
    view = unit.view(())
    assert (view.stopped_by, view.stopped_at) == ("Anna", START)
    assert view.as_json()["stopped_by"] == "Anna"
    assert unit.kept_stopped == ANNA
    unit.take_request(DesiredState.RUNNING, ANNA)
    assert unit.view(()).stopped_by is None


def test_a_stop_by_systemctl_holds_until_the_unit_is_wanted_or_the_supervisor_ends() -> None:
    unit = managed()
    unit.take_status(status(UnitState.STOPPED, Origin.SYSTEMCTL), LATER)
    assert not unit.wanted
    view = unit.view(())
    assert (view.stopped_by, view.stopped_at) == (SYSTEMCTL, LATER)
    assert unit.kept_stopped is None
    unit.take_request(DesiredState.RUNNING, ANNA)
    assert unit.wanted


@pytest.mark.parametrize("state", [UnitState.STOPPING, UnitState.FAILED])
def test_an_end_of_the_units_own_is_no_request(state: UnitState) -> None:
    unit = managed()
    unit.take_status(status(state, Origin.UNIT), LATER)
    assert unit.wanted
    assert unit.view(()).stopped_by is None


def test_a_start_by_systemctl_is_a_request() -> None:
    unit = managed(
        UnitState.STOPPED,
        desired=DesiredState.STOPPED,
        request=ANNA,
        gave_up=GAVE_UP,
        restarts=(NOW,),
        streak=9,
    )
    unit.take_status(status(UnitState.RUNNING, Origin.SYSTEMCTL), LATER)
    seen = unit.observe(())
    assert (seen.desired, seen.gave_up) == (DesiredState.RUNNING, None)
    assert (seen.restarts, seen.streak) == ((), 0)
    assert seen.started_before
    assert unit.view(()).stopped_by is None


def test_a_start_by_its_socket_is_a_restart_and_uses_up_the_budget() -> None:
    unit = managed(UnitState.FAILED, restarts=(NOW - 1,), streak=1)
    unit.take_status(status(UnitState.RUNNING, Origin.UNIT, revivals=2), START)
    assert unit.seen.restarts == (NOW - 1, NOW, NOW)
    assert unit.seen.streak == 3
    assert unit.view(()).restarts == 2
    unit.take_status(status(UnitState.STOPPING, Origin.UNIT, revivals=2), START)
    assert len(unit.seen.restarts) == 3


def test_what_was_given_up_and_serves_again_for_a_while_is_like_any_other() -> None:
    unit = managed(gave_up=GAVE_UP)
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.observe(()).gave_up == GAVE_UP
    unit.take_reading(reading(ProbeState.OK), NOW + 10)
    assert unit.observe(()).gave_up is None
    oneshot = managed(gave_up=GAVE_UP)
    oneshot.take_status(status(UnitState.DONE), START)
    assert oneshot.seen.gave_up is None


def test_the_reason_for_a_restart_is_kept_as_a_fact() -> None:
    unit, fault = managed(), NotReady(60, "no answer")
    facts = Facts(fault=fault)
    unit.take_stop(Decision(Action.RESTART, Phase.FAILING, Cause.NOT_READY_IN_TIME, facts))
    assert unit.seen.fault == fault
    unit.take_start(Action.RETRY, NOW)
    assert unit.seen.fault is None


def test_what_runs_already_is_taken_over_and_counts_as_started() -> None:
    unit = managed(UnitState.STOPPED)
    unit.take_over(status(UnitState.RUNNING), START, replaced=True)
    assert unit.seen.started_before
    assert unit.seen.replaced
    unit.take_status(status(UnitState.STOPPING), START)
    assert not unit.seen.replaced


def test_what_runs_with_former_settings_starts_once_more_as_for_the_first_time() -> None:
    unit = managed(UnitState.STOPPED)
    unit.take_over(status(UnitState.RUNNING), START, replaced=False, reconfigured=True)
    assert unit.seen.reconfigured
    unit.take_stop(Decision(Action.RESTART, Phase.STOPPING, Cause.SETTINGS_CHANGED))
    assert not unit.seen.started_before
    unit.take_status(status(UnitState.STOPPING), START)
    assert not unit.seen.reconfigured


def since_ready(unit: ManagedUnit, now: object) -> object:
    unit.take_decision(Decision(Action.WAIT, Phase.READY, Cause.ANSWERS), now)  # type: ignore[arg-type]
    return unit.since


def test_what_was_taken_over_has_served_since_its_own_start() -> None:
    unit = managed(UnitState.STOPPED)
    unit.take_over(status(UnitState.RUNNING), START, replaced=False)
    unit.take_decision(Decision(Action.WAIT, Phase.STARTING, Cause.NO_ANSWER_YET), LATER)
    assert unit.since == LATER
    assert since_ready(unit, LATER) == START
    unit.take_decision(Decision(Action.WAIT, Phase.FAILING, Cause.BAD_ANSWER), LATER)
    assert since_ready(unit, LATER) == LATER, "it has failed in between"


def test_what_ended_after_it_was_taken_over_serves_from_its_new_start() -> None:
    unit = managed(UnitState.STOPPED)
    unit.take_over(status(UnitState.RUNNING), START, replaced=False)
    unit.take_status(UnitStatus(UnitState.FAILED, LATER, NOW + 1), LATER)
    assert since_ready(unit, LATER) == LATER


def test_a_stopped_oneshot_is_not_kept_for_the_next_supervisor() -> None:
    seen = Observation(a_unit(kind=Kind.ONESHOT), status(UnitState.DONE))
    unit = ManagedUnit(seen, START)
    unit.take_request(DesiredState.STOPPED, ANNA)
    assert unit.kept_stopped is None


def test_before_the_first_round_it_waits() -> None:
    view = managed().view(("last line",))
    assert view.phase is Phase.WAITING
    assert view.as_json()["lines"] == ["last line"]
    assert view.as_json()["reading"] is None
    assert view.as_json()["cause"] == "not_observed"
