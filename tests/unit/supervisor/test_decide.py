"""Every rule of the decision, with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.probes.model import ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.decide import decide
from appliance.supervisor.model import Action, Decision, Observation, Phase, Wish
from appliance.units.model import Kind, UnitState
from tests.unit.supervisor.observations import NOW, a_unit, reading, seen

OK, NOT_READY, FAILED = ProbeState.OK, ProbeState.NOT_READY, ProbeState.FAILED


def decided(observation: Observation, now: float = NOW) -> Decision:
    return decide(observation, Backoff(), now)


@pytest.mark.parametrize("wish", list(Wish))
def test_a_unit_on_its_way_is_left_alone(wish: Wish) -> None:
    starting = decided(seen(UnitState.STARTING, wish=wish))
    stopping = decided(seen(UnitState.STOPPING, wish=wish))
    assert (starting.action, starting.phase) == (Action.WAIT, Phase.STARTING)
    assert (stopping.action, stopping.phase) == (Action.WAIT, Phase.STOPPING)


def test_a_running_unit_that_the_operator_stops_is_stopped() -> None:
    decision = decided(seen(UnitState.RUNNING, wish=Wish.DOWN))
    assert decision.action is Action.STOP
    assert decision.reason == "stop ollama: the operator asked for it"


def test_a_running_unit_that_the_operator_restarts_is_restarted() -> None:
    decision = decided(seen(UnitState.RUNNING, wish=Wish.AGAIN))
    assert decision.action is Action.RESTART
    assert decision.reason == "restart ollama: the operator asked for it"


def test_a_unit_that_answers_is_ready() -> None:
    decision = decided(seen(UnitState.RUNNING, ready_since=NOW, reading=reading(OK)))
    assert decision == Decision(Action.WAIT, Phase.READY, "answers 200")


def test_a_unit_may_take_its_time_to_start() -> None:
    observation = seen(UnitState.RUNNING, reading=reading(NOT_READY, "starting up"))
    decision = decided(observation, NOW + 59)
    assert decision == Decision(Action.WAIT, Phase.STARTING, "it has not answered yet: starting up")


def test_a_unit_that_is_not_ready_in_time_is_restarted() -> None:
    observation = seen(UnitState.RUNNING, reading=reading(NOT_READY, "starting up"))
    decision = decided(observation, NOW + 61)
    assert decision.action is Action.RESTART
    assert decision.reason == "restart ollama: not ready 60 s after its start (starting up)"


def test_a_oneshot_at_work_is_left_alone_until_its_deadline() -> None:
    unit = a_unit("migrate", kind=Kind.ONESHOT, probe=None)
    assert decided(seen(UnitState.RUNNING, unit=unit)).reason == "it is at work"
    assert decided(seen(UnitState.RUNNING, unit=unit), NOW + 61).action is Action.RESTART


def test_one_failed_reading_restarts_nothing() -> None:
    observation = seen(
        UnitState.RUNNING,
        ready_since=NOW - 100,
        reading=reading(FAILED, "no answer within 3 s"),
        failures=1,
        failing_since=NOW,
    )
    assert decided(observation) == Decision(Action.WAIT, Phase.FAILING, "no answer within 3 s")


def test_several_failed_readings_over_a_while_restart_the_unit() -> None:
    observation = seen(
        UnitState.RUNNING,
        ready_since=NOW - 100,
        reading=reading(FAILED, "no answer within 3 s"),
        failures=3,
        failing_since=NOW - 30,
    )
    decision = decided(observation)
    assert decision.action is Action.RESTART
    assert decision.reason == ("restart ollama: 3 failed readings in 30 s (no answer within 3 s)")


def test_many_failed_readings_in_a_moment_restart_nothing() -> None:
    observation = seen(
        UnitState.RUNNING,
        ready_since=NOW - 100,
        reading=reading(FAILED),
        failures=9,
        failing_since=NOW - 1,
    )
    assert decided(observation).action is Action.WAIT


def test_a_unit_that_says_it_is_not_ready_is_never_restarted_for_it() -> None:
    observation = seen(
        UnitState.RUNNING, ready_since=NOW - 9000, reading=reading(NOT_READY, "no database")
    )
    assert decided(observation) == Decision(Action.WAIT, Phase.FAILING, "no database")


def test_a_wanted_unit_starts() -> None:
    decision = decided(seen(UnitState.STOPPED))
    assert (decision.action, decision.phase) == (Action.START, Phase.STARTING)
    assert decision.reason == "start ollama: it is wanted"


def test_a_unit_waits_for_its_needs_and_names_them() -> None:
    decision = decided(seen(UnitState.STOPPED, missing=("postgres", "migrate")))
    assert decision == Decision(Action.WAIT, Phase.WAITING, "waits for postgres and migrate")


def test_a_unit_that_the_operator_stopped_stays_down() -> None:
    decision = decided(seen(UnitState.STOPPED, wish=Wish.DOWN, started_before=True))
    assert decision == Decision(Action.WAIT, Phase.STOPPED, "the operator stopped it")


def test_a_oneshot_that_is_done_rests_until_it_is_asked_for_again() -> None:
    done = seen(UnitState.DONE, started_before=True)
    assert decided(done) == Decision(Action.WAIT, Phase.DONE, "it has done its work")
    again = seen(UnitState.DONE, started_before=True, wish=Wish.AGAIN)
    assert decided(again).action is Action.START


def test_a_unit_that_died_is_started_again_at_once() -> None:
    observation = seen(UnitState.FAILED, started_before=True, exit_="killed by SIGKILL")
    decision = decided(observation)
    assert decision.action is Action.RETRY
    assert decision.reason == "start ollama again: killed by SIGKILL (restart 1 of 10)"


def test_a_unit_that_dies_again_and_again_waits_longer() -> None:
    observation = seen(
        UnitState.FAILED,
        started_before=True,
        exit_="ended with code 1",
        streak=4,
        restarts=(NOW - 9, NOW - 8, NOW - 6, NOW - 2),
    )
    waiting = decided(observation, NOW + 1)
    assert waiting == Decision(Action.WAIT, Phase.FAILED, "ended with code 1; starts again in 7 s")
    assert decided(observation, NOW + 8).action is Action.RETRY


def test_when_the_budget_is_spent_it_gives_up() -> None:
    observation = seen(
        UnitState.FAILED,
        started_before=True,
        exit_="killed by SIGSEGV",
        restarts=tuple(NOW - n for n in range(10)),
    )
    decision = decided(observation)
    assert (decision.action, decision.phase) == (Action.GIVE_UP, Phase.GAVE_UP)
    assert decision.reason == (
        "gave up: 10 restarts in 30 min, the last time it was killed by SIGSEGV"
    )


def test_after_giving_up_it_rests_and_says_why() -> None:
    observation = seen(UnitState.FAILED, started_before=True, gave_up="gave up: enough")
    assert decided(observation, NOW + 70) == Decision(
        Action.WAIT, Phase.GAVE_UP, "gave up: enough; it is tried once more in 9 min"
    )


def test_what_was_given_up_is_tried_again_in_case_that_what_it_lacked_is_back() -> None:
    observation = seen(UnitState.FAILED, started_before=True, gave_up="gave up: enough")
    decision = decided(observation, NOW + 600)
    assert decision == Decision(
        Action.RETRY, Phase.STARTING, "try ollama once more: gave up: enough"
    )
    waiting = decided(replace(observation, missing=("postgres",)), NOW + 600)
    assert waiting == Decision(Action.WAIT, Phase.GAVE_UP, "gave up: enough; it waits for postgres")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("not ready 60 s after its start (no answer)", "was not ready 60 s after its start"),
        ("3 failed readings in 12 s (no answer)", "had 3 failed readings in 12 s"),
    ],
)
def test_a_unit_that_we_stopped_is_given_up_for_its_fault_and_not_for_its_exit(
    fault: str, words: str
) -> None:
    restarts = tuple(NOW - n for n in range(10))
    observation = seen(
        UnitState.STOPPED, started_before=True, exit_="ended with code 0", fault=fault, streak=4
    )
    assert decided(observation, NOW + 1).reason == f"{fault}; starts again in 7 s"
    spent = replace(observation, restarts=restarts)
    assert f"the last time it {words}" in decided(spent).reason


def test_what_somebody_stopped_elsewhere_stays_down_and_says_how_to_start_it() -> None:
    decision = decided(seen(UnitState.STOPPED, left_down=True, started_before=True))
    assert decision == Decision(
        Action.WAIT,
        Phase.STOPPED,
        "somebody stopped it outside of Cloister (systemctl stop); "
        "`cloister start ollama` starts it again",
    )


@pytest.mark.parametrize("ready_since", [None, NOW])
def test_a_unit_that_runs_a_replaced_program_is_restarted(ready_since: float | None) -> None:
    decision = decided(seen(UnitState.RUNNING, replaced=True, ready_since=ready_since))
    assert decision.action is Action.RESTART
    assert decision.reason == "restart ollama: its program was replaced since it started"


def test_giving_up_after_refused_starts_is_a_sentence_too() -> None:
    observation = seen(
        UnitState.FAILED,
        started_before=True,
        exit_="start refused: not allowed.",
        restarts=tuple(NOW - n for n in range(10)),
    )
    assert decided(observation).reason == (
        "gave up: 10 restarts in 30 min, the last time it had its start refused: not allowed."
    )
