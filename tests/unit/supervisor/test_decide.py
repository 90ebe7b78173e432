"""Every rule of the decision, with its cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.decide import decide
from appliance.supervisor.desired_state import DesiredState
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    GivenUp,
    NotReady,
    Observation,
    Phase,
    StoppedAnswering,
)
from appliance.units.model import Kind, Origin, UnitState
from tests.unit.supervisor.observations import (
    ANNA,
    NOW,
    OUTSIDE,
    a_unit,
    exited,
    killed,
    reading,
    seen,
)

OK, NOT_READY, FAILED = ProbeState.OK, ProbeState.NOT_READY, ProbeState.FAILED
RUNNING, STOPPED, RESTART = DesiredState.RUNNING, DesiredState.STOPPED, DesiredState.RESTART
ENOUGH = GivenUp(10, 30, killed())
BUDGET = Backoff().budget


def decided(observation: Observation, now: float = NOW) -> Decision:
    return decide(observation, Backoff(), now)


def waits(phase: Phase, cause: Cause, **facts: object) -> Decision:
    return Decision(Action.WAIT, phase, cause, Facts(**facts))  # type: ignore[arg-type]


def restarts(count: int) -> tuple[float, ...]:
    return tuple(NOW - number for number in range(count))


@pytest.mark.parametrize("desired", list(DesiredState))
def test_a_unit_that_starts_or_stops_is_left_alone(desired: DesiredState) -> None:
    starting = decided(seen(UnitState.STARTING, desired=desired))
    stopping = decided(seen(UnitState.STOPPING, desired=desired))
    assert (starting.action, starting.phase) == (Action.WAIT, Phase.STARTING)
    assert (stopping.action, stopping.phase) == (Action.WAIT, Phase.STOPPING)


def test_a_running_unit_that_is_to_stop_is_stopped() -> None:
    decision = decided(seen(UnitState.RUNNING, desired=STOPPED, request=ANNA))
    facts = Facts(request=ANNA)
    assert decision == Decision(Action.STOP, Phase.STOPPING, Cause.STOP_REQUESTED, facts)


def test_a_running_unit_that_is_to_restart_is_restarted() -> None:
    decision = decided(seen(UnitState.RUNNING, desired=RESTART, request=ANNA))
    facts = Facts(request=ANNA)
    assert decision == Decision(Action.RESTART, Phase.STOPPING, Cause.RESTART_REQUESTED, facts)


def test_a_unit_that_answers_is_ready() -> None:
    decision = decided(seen(UnitState.RUNNING, ready_since=NOW, reading=reading(OK)))
    assert decision == waits(Phase.READY, Cause.ANSWERS, answer="answers 200")


def test_a_unit_may_take_its_time_to_start() -> None:
    observation = seen(UnitState.RUNNING, reading=reading(NOT_READY, "starting up"))
    expected = waits(Phase.STARTING, Cause.NO_ANSWER_YET, answer="starting up")
    assert decided(observation, NOW + 59) == expected


def test_a_unit_that_is_not_ready_in_time_is_restarted() -> None:
    observation = seen(UnitState.RUNNING, reading=reading(NOT_READY, "starting up"))
    decision = decided(observation, NOW + 61)
    assert (decision.action, decision.phase) == (Action.RESTART, Phase.FAILING)
    assert decision.cause is Cause.NOT_READY_IN_TIME
    assert decision.facts.fault == NotReady(60.0, "starting up")


def test_a_oneshot_at_work_is_left_alone_until_its_deadline() -> None:
    unit = a_unit("migrate", kind=Kind.ONESHOT, probe=None)
    assert decided(seen(UnitState.RUNNING, unit=unit)).cause is Cause.WORKING
    assert decided(seen(UnitState.RUNNING, unit=unit), NOW + 61).action is Action.RESTART


def failing(failures: int, seconds: float) -> Observation:
    return seen(
        UnitState.RUNNING,
        ready_since=NOW - 100,
        reading=reading(FAILED, "no answer within 3 s"),
        failures=failures,
        failing_since=NOW - seconds,
    )


def test_one_failed_probe_restarts_nothing() -> None:
    expected = waits(Phase.FAILING, Cause.BAD_ANSWER, answer="no answer within 3 s")
    assert decided(failing(1, 0)) == expected


def test_several_failed_probes_over_a_while_restart_the_unit() -> None:
    decision = decided(failing(3, 30))
    assert (decision.action, decision.phase) == (Action.RESTART, Phase.FAILING)
    assert decision.cause is Cause.STOPPED_ANSWERING
    assert decision.facts.fault == StoppedAnswering(3, 30, "no answer within 3 s")


def test_a_dead_unit_is_restarted_at_once() -> None:
    dead = replace(failing(1, 0), reading=ProbeResult(FAILED, "stopped by a signal", dead=True))
    decision = decided(dead)
    assert (decision.action, decision.cause) == (Action.RESTART, Cause.STOPPED_ANSWERING)


def test_many_failed_probes_in_a_moment_restart_nothing() -> None:
    assert decided(failing(9, 1)).action is Action.WAIT


def test_a_unit_that_says_it_is_not_ready_is_never_restarted_for_it() -> None:
    observation = seen(
        UnitState.RUNNING, ready_since=NOW - 9000, reading=reading(NOT_READY, "no database")
    )
    assert decided(observation) == waits(Phase.FAILING, Cause.BAD_ANSWER, answer="no database")


def test_a_wanted_unit_starts() -> None:
    decision = decided(seen(UnitState.STOPPED))
    assert decision == Decision(Action.START, Phase.STARTING, Cause.WANTED)


def test_a_unit_waits_for_its_needs_and_names_them() -> None:
    decision = decided(seen(UnitState.STOPPED, missing=("postgres", "migrate")))
    assert decision == waits(Phase.WAITING, Cause.MISSING_NEEDS, units=("postgres", "migrate"))


@pytest.mark.parametrize(
    ("request_", "cause"), [(ANNA, Cause.STOPPED_ON_REQUEST), (OUTSIDE, Cause.STOPPED_OUTSIDE)]
)
def test_a_unit_that_was_asked_to_stop_stays_stopped(request_: object, cause: Cause) -> None:
    observation = seen(UnitState.STOPPED, desired=STOPPED, request=request_, started_before=True)
    assert decided(observation) == waits(Phase.STOPPED, cause, request=request_)


def test_a_crash_is_no_request_to_stop_while_systemd_cleans_up_after_it() -> None:
    dying = seen(UnitState.STOPPING, origin=Origin.UNIT, ending=exited(1), started_before=True)
    assert decided(dying) == waits(Phase.FAILED, Cause.ENDED, fault=exited(1))


def test_a_stop_of_the_supervisors_own_says_what_was_wrong() -> None:
    fault = NotReady(60.0, "no answer")
    stopping = decided(seen(UnitState.STOPPING, fault=fault))
    assert stopping == waits(Phase.FAILING, Cause.NOT_READY_IN_TIME, fault=fault)


def test_what_was_given_up_stays_so_while_it_is_stopped() -> None:
    dying = seen(UnitState.STOPPING, origin=Origin.UNIT, ending=exited(1), gave_up=ENOUGH)
    assert decided(dying) == waits(Phase.GAVE_UP, Cause.GIVEN_UP, given_up=ENOUGH)


def test_a_stop_by_systemctl_is_known_while_it_lasts() -> None:
    stopping = decided(seen(UnitState.STOPPING, origin=Origin.SYSTEMCTL))
    assert stopping == waits(Phase.STOPPING, Cause.STOPPING_OUTSIDE)


@pytest.mark.parametrize("state", [UnitState.STARTING, UnitState.RUNNING, UnitState.STOPPING])
def test_what_its_socket_starts_again_and_again_is_given_up(state: UnitState) -> None:
    observation = seen(state, origin=Origin.UNIT, restarts=restarts(BUDGET + 1), ending=exited(1))
    decision = decided(observation)
    assert (decision.action, decision.phase) == (Action.GIVE_UP, Phase.GAVE_UP)
    assert decision.facts.given_up == GivenUp(BUDGET + 1, 30, exited(1))


def test_the_last_restart_of_the_budget_gets_its_chance() -> None:
    observation = seen(UnitState.RUNNING, restarts=restarts(BUDGET))
    assert decided(observation).action is Action.WAIT
    serving = seen(UnitState.RUNNING, restarts=restarts(BUDGET + 1), ready_since=NOW)
    assert decided(serving).action is Action.WAIT


def test_a_oneshot_that_is_done_rests_until_it_is_asked_for_again() -> None:
    done = seen(UnitState.DONE, started_before=True)
    assert decided(done) == waits(Phase.DONE, Cause.DONE)
    again = seen(UnitState.DONE, started_before=True, desired=RESTART)
    assert decided(again).action is Action.START


def test_a_unit_that_died_is_started_again_at_once() -> None:
    decision = decided(seen(UnitState.FAILED, started_before=True, ending=killed()))
    assert (decision.action, decision.cause) == (Action.RETRY, Cause.ENDED)
    assert decision.facts == Facts(fault=killed(), attempt=1, budget=BUDGET)


def test_a_unit_that_dies_again_and_again_waits_longer() -> None:
    observation = seen(
        UnitState.FAILED,
        started_before=True,
        ending=exited(1),
        streak=4,
        restarts=(NOW - 9, NOW - 8, NOW - 6, NOW - 2),
    )
    waiting = decided(observation, NOW + 1)
    assert waiting == waits(Phase.FAILED, Cause.ENDED, fault=exited(1), seconds=7)
    assert decided(observation, NOW + 8).action is Action.RETRY


def test_when_the_budget_is_spent_it_gives_up() -> None:
    observation = seen(
        UnitState.FAILED, started_before=True, ending=killed(), restarts=restarts(BUDGET)
    )
    decision = decided(observation)
    facts = Facts(given_up=ENOUGH)
    assert decision == Decision(Action.GIVE_UP, Phase.GAVE_UP, Cause.BUDGET_SPENT, facts)


def test_after_giving_up_it_rests_and_says_why() -> None:
    observation = seen(UnitState.FAILED, started_before=True, gave_up=ENOUGH)
    expected = waits(Phase.GAVE_UP, Cause.GIVEN_UP, given_up=ENOUGH, seconds=9 * 60)
    assert decided(observation, NOW + 70) == expected


def test_what_was_given_up_is_tried_again_in_case_that_what_it_lacked_is_back() -> None:
    observation = seen(UnitState.FAILED, started_before=True, gave_up=ENOUGH)
    decision = decided(observation, NOW + 600)
    facts = Facts(given_up=ENOUGH)
    assert decision == Decision(Action.RETRY, Phase.STARTING, Cause.GIVEN_UP, facts)
    waiting = decided(replace(observation, missing=("postgres",)), NOW + 600)
    expected = waits(Phase.GAVE_UP, Cause.GIVEN_UP, given_up=ENOUGH, units=("postgres",))
    assert waiting == expected


@pytest.mark.parametrize(
    "fault", [NotReady(60.0, "no answer"), StoppedAnswering(3, 12, "no answer")]
)
def test_a_unit_that_was_stopped_for_a_fault_is_given_up_for_it_and_not_for_its_exit(
    fault: NotReady | StoppedAnswering,
) -> None:
    observation = seen(
        UnitState.STOPPED, started_before=True, ending=exited(0), fault=fault, streak=4
    )
    assert decided(observation, NOW + 1).facts.fault == fault
    spent = replace(observation, restarts=restarts(BUDGET))
    assert decided(spent).facts.given_up == GivenUp(BUDGET, 30, fault)


@pytest.mark.parametrize("ready_since", [None, NOW])
def test_a_unit_that_runs_a_replaced_program_is_restarted(ready_since: float | None) -> None:
    decision = decided(seen(UnitState.RUNNING, replaced=True, ready_since=ready_since))
    assert decision == Decision(Action.RESTART, Phase.STOPPING, Cause.PROGRAM_REPLACED)


@pytest.mark.parametrize("ready_since", [None, NOW])
def test_a_unit_that_runs_with_former_settings_is_restarted(ready_since: float | None) -> None:
    decision = decided(seen(UnitState.RUNNING, reconfigured=True, ready_since=ready_since))
    assert decision == Decision(Action.RESTART, Phase.STOPPING, Cause.SETTINGS_CHANGED)
