"""What is remembered of a unit between two looks."""

from __future__ import annotations

from appliance.probes.model import ReadingState
from appliance.supervisor.model import Phase, Wish
from appliance.supervisor.tracking import Tracked
from appliance.units.model import UnitState, UnitStatus
from tests.fakes.clock import START
from tests.unit.supervisor.observations import NOW, a_unit, reading


def tracked(state: UnitState = UnitState.RUNNING) -> Tracked:
    return Tracked(a_unit(), UnitStatus(state, START, NOW), START)


def test_failed_readings_in_a_row_are_counted_from_the_first() -> None:
    unit = tracked()
    unit.take_reading(reading(ReadingState.FAILED), NOW)
    unit.take_reading(reading(ReadingState.FAILED), NOW + 5)
    assert (unit.failures, unit.failing_since) == (2, NOW)
    unit.take_reading(reading(ReadingState.NOT_READY), NOW + 6)
    assert (unit.failures, unit.failing_since) == (0, None)
    assert unit.ready_since is None


def test_a_stable_run_ends_the_streak() -> None:
    unit = tracked()
    unit.streak = 4
    unit.take_reading(reading(ReadingState.OK), NOW)
    assert unit.streak == 4
    unit.take_reading(reading(ReadingState.OK), NOW + 10)
    assert unit.streak == 0


def test_readings_of_an_earlier_run_are_forgotten() -> None:
    unit = tracked()
    unit.take_reading(reading(ReadingState.OK), NOW)
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


def test_before_the_first_look_it_waits() -> None:
    view = tracked().view(("last line",))
    assert view.phase is Phase.WAITING
    assert view.as_json()["lines"] == ["last line"]
    assert view.as_json()["reading"] is None
