"""What is remembered of a unit between two looks."""

from __future__ import annotations

from datetime import timedelta

from appliance.probes.model import ProbeState
from appliance.supervisor.model import Phase, Wish
from appliance.supervisor.tracking import Tracked
from appliance.units.model import UnitState, UnitStatus
from tests.fakes.clock import START
from tests.unit.supervisor.observations import NOW, a_unit, reading


def tracked(state: UnitState = UnitState.RUNNING) -> Tracked:
    return Tracked(a_unit(), UnitStatus(state, START, NOW), START)


def test_failed_readings_in_a_row_are_counted_from_the_first() -> None:
    unit = tracked()
    unit.take_reading(reading(ProbeState.FAILED), NOW)
    unit.take_reading(reading(ProbeState.FAILED), NOW + 5)
    assert (unit.failures, unit.failing_since) == (2, NOW)
    unit.take_reading(reading(ProbeState.NOT_READY), NOW + 6)
    assert (unit.failures, unit.failing_since) == (0, None)
    assert unit.ready_since is None


def test_a_stable_run_ends_the_streak() -> None:
    unit = tracked()
    unit.streak = 4
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.streak == 4
    unit.take_reading(reading(ProbeState.OK), NOW + 10)
    assert unit.streak == 0


def test_readings_of_an_earlier_run_are_forgotten() -> None:
    unit = tracked()
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.serves
    unit.take_status(UnitStatus(UnitState.FAILED, START, NOW))
    assert unit.reading is None
    assert not unit.serves


def test_a_oneshot_that_is_done_serves() -> None:
    assert tracked(UnitState.DONE).serves


def test_a_new_wish_gives_a_fresh_budget() -> None:
    unit = tracked(UnitState.FAILED)
    unit.restarts, unit.streak, unit.gave_up, unit.started_before = (1.0,), 3, "gave up", True
    unit.take_wish(Wish.UP)
    observation = unit.observation(())
    assert (observation.restarts, observation.streak) == ((), 0)
    assert observation.gave_up is None
    assert not observation.started_before


def outside(state: UnitState) -> UnitStatus:
    return UnitStatus(state, START, NOW, outside=True)


def test_a_stop_by_somebody_else_counts_until_it_is_wanted_again() -> None:
    unit = tracked()
    unit.take_status(outside(UnitState.STOPPED))
    assert unit.observation(()).left_down
    assert not unit.wanted
    unit.take_wish(Wish.UP)
    assert not unit.observation(()).left_down


def test_a_stop_by_somebody_else_is_forgotten_when_the_unit_starts() -> None:
    unit = tracked()
    unit.take_status(outside(UnitState.STOPPED))
    unit.take_status(UnitStatus(UnitState.STARTING, START, NOW))
    assert not unit.observation(()).left_down


def test_a_start_by_somebody_else_is_a_wish() -> None:
    unit = tracked(UnitState.STOPPED)
    unit.wish, unit.gave_up, unit.restarts, unit.streak = Wish.DOWN, "gave up", (NOW,), 9
    unit.take_status(outside(UnitState.RUNNING))
    observation = unit.observation(())
    assert (observation.wish, observation.gave_up) == (Wish.UP, None)
    assert (observation.restarts, observation.streak) == ((), 0)
    assert observation.started_before


def test_a_visitor_whom_systemd_starts_it_for_renews_no_budget() -> None:
    unit = tracked(UnitState.FAILED)
    unit.restarts = (NOW,)
    unit.take_status(outside(UnitState.RUNNING))
    assert unit.restarts == (NOW,)


def test_what_was_given_up_and_serves_again_for_a_while_is_like_any_other() -> None:
    unit = tracked()
    unit.gave_up = "gave up"
    unit.take_reading(reading(ProbeState.OK), NOW)
    assert unit.gave_up
    unit.take_reading(reading(ProbeState.OK), NOW + 10)
    assert not unit.gave_up
    unit.gave_up = "gave up"
    unit.take_status(UnitStatus(UnitState.DONE, START, NOW))
    assert not unit.gave_up


def test_what_runs_already_is_taken_over_and_counts_as_started() -> None:
    unit = tracked(UnitState.STOPPED)
    unit.adopt(UnitStatus(UnitState.RUNNING, START, NOW), replaced=True)
    assert unit.started_before
    assert unit.observation(()).replaced
    unit.take_status(UnitStatus(UnitState.STOPPING, START, NOW))
    assert not unit.observation(()).replaced


def test_what_was_taken_over_has_served_since_its_own_start() -> None:
    unit, later = tracked(UnitState.STOPPED), START + timedelta(hours=1)
    unit.adopt(UnitStatus(UnitState.RUNNING, START, NOW), replaced=False)
    assert unit.since_when(Phase.STARTING, later) == later
    assert unit.since_when(Phase.READY, later) == START
    assert unit.since_when(Phase.READY, later) == later, "it has failed in between"


def test_what_ended_after_it_was_taken_over_serves_anew() -> None:
    unit, later = tracked(UnitState.STOPPED), START + timedelta(hours=1)
    unit.adopt(UnitStatus(UnitState.RUNNING, START, NOW), replaced=False)
    unit.take_status(UnitStatus(UnitState.FAILED, later, NOW + 1))
    assert unit.since_when(Phase.READY, later) == later


def test_before_the_first_look_it_waits() -> None:
    view = tracked().view(("last line",))
    assert view.phase is Phase.WAITING
    assert view.as_json()["lines"] == ["last line"]
    assert view.as_json()["reading"] is None
