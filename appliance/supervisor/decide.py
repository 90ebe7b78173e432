"""What to do with one unit, from facts and time alone: nothing here reads, waits or acts."""

from __future__ import annotations

import math

from appliance.probes.model import ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.desired_state import DesiredState
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    Fault,
    GivenUp,
    NotReady,
    Observation,
    Phase,
    StoppedAnswering,
)
from appliance.units.model import Kind, Origin, UnitState

FAILED_READINGS = 3
FAILING_SECONDS = 10.0


def decide(seen: Observation, backoff: Backoff, now: float) -> Decision:
    """Return what to do with the unit at the time `now`, and why.

    1. A unit that its socket starts again and again is given up when its budget is exceeded.
    2. A unit that starts or stops is left alone until that has ended.
    3. The desired state comes before everything else.
    4. A unit that runs is left alone as long as it answers, unless its program was replaced, or its
       settings were changed. It is not restarted because another one is down: services find each
       other again by themselves.
    5. A unit that does not run is started when its needs are met, its back-off is over, and its
       budget is not spent. One that was given up is tried once in a while.
    """
    if _exceeds_budget(seen, backoff, now):
        return _give_up(seen, backoff, now)
    match seen.status.state:
        case UnitState.STARTING:
            return _wait(Phase.STARTING, Cause.PREPARING)
        case UnitState.STOPPING:
            return _decide_stopping(seen)
        case UnitState.RUNNING:
            return _decide_running(seen, now)
        case UnitState.STOPPED | UnitState.DONE | UnitState.FAILED:
            return _decide_resting(seen, backoff, now)


def _wait(phase: Phase, cause: Cause, facts: Facts | None = None) -> Decision:
    return Decision(Action.WAIT, phase, cause, facts or Facts())


def _exceeds_budget(seen: Observation, backoff: Backoff, now: float) -> bool:
    """Whether the unit has begun to run more often than its budget allows, and never served.

    Such a unit may never be seen at rest: a visitor who waits at its socket starts it at once.
    """
    unattended = seen.gave_up is None and seen.desired is DesiredState.RUNNING
    over = len(backoff.recent(seen.restarts, now)) > backoff.budget
    return unattended and over and seen.ready_since is None and seen.status.state.active


def _decide_stopping(seen: Observation) -> Decision:
    """The unit stops: on request, or because its process has ended."""
    if seen.gave_up is not None:
        return _wait(Phase.GAVE_UP, Cause.GIVEN_UP, Facts(given_up=seen.gave_up))
    if seen.status.origin is Origin.UNIT:
        return _wait(Phase.FAILED, Cause.ENDED, Facts(fault=seen.last_ending))
    if seen.fault is not None:
        return _wait(Phase.FAILING, _cause_of(seen.fault), Facts(fault=seen.fault))
    if seen.status.origin is Origin.SYSTEMCTL:
        return _wait(Phase.STOPPING, Cause.STOPPING_OUTSIDE)
    causes = {
        DesiredState.STOPPED: Cause.STOP_REQUESTED,
        DesiredState.RESTART: Cause.RESTART_REQUESTED,
        DesiredState.RUNNING: Cause.STOPPING,
    }
    return _wait(Phase.STOPPING, causes[seen.desired], Facts(request=seen.request))


def _decide_running(seen: Observation, now: float) -> Decision:
    request = Facts(request=seen.request)
    match seen.desired:
        case DesiredState.STOPPED:
            return Decision(Action.STOP, Phase.STOPPING, Cause.STOP_REQUESTED, request)
        case DesiredState.RESTART:
            return Decision(Action.RESTART, Phase.STOPPING, Cause.RESTART_REQUESTED, request)
        case DesiredState.RUNNING if seen.replaced:
            return Decision(Action.RESTART, Phase.STOPPING, Cause.PROGRAM_REPLACED)
        case DesiredState.RUNNING if seen.reconfigured:
            return Decision(Action.RESTART, Phase.STOPPING, Cause.SETTINGS_CHANGED)
        case DesiredState.RUNNING if seen.ready_since is None:
            return _decide_unready(seen, now)
        case DesiredState.RUNNING:
            return _decide_ready(seen, now)


def _decide_unready(seen: Observation, now: float) -> Decision:
    """The unit has not answered well since its start."""
    answer, deadline = _answer(seen), seen.unit.start_deadline
    if now - seen.status.changed > deadline:
        return _restart_for(NotReady(deadline, answer))
    if seen.unit.kind is Kind.ONESHOT:
        return _wait(Phase.STARTING, Cause.WORKING)
    return _wait(Phase.STARTING, Cause.NO_ANSWER_YET, Facts(answer=answer))


def _decide_ready(seen: Observation, now: float) -> Decision:
    """The unit has answered well since its start."""
    answer = _answer(seen)
    failing = now - seen.failing_since if seen.failing_since is not None else 0.0
    is_dead = seen.reading is not None and seen.reading.dead
    if is_dead or (seen.failures >= FAILED_READINGS and failing >= FAILING_SECONDS):
        return _restart_for(StoppedAnswering(seen.failures, round(failing), answer))
    if seen.reading and seen.reading.state is not ProbeState.OK:
        return _wait(Phase.FAILING, Cause.BAD_ANSWER, Facts(answer=answer))
    return _wait(Phase.READY, Cause.ANSWERS, Facts(answer=answer))


def _answer(seen: Observation) -> str:
    return seen.reading.sentence if seen.reading else "not asked yet"


def _restart_for(fault: Fault) -> Decision:
    return Decision(Action.RESTART, Phase.FAILING, _cause_of(fault), Facts(fault=fault))


def _cause_of(fault: Fault) -> Cause:
    match fault:
        case NotReady():
            return Cause.NOT_READY_IN_TIME
        case StoppedAnswering():
            return Cause.STOPPED_ANSWERING
        case _:
            return Cause.ENDED


def _decide_resting(seen: Observation, backoff: Backoff, now: float) -> Decision:
    if seen.desired is DesiredState.STOPPED:
        outside = seen.request is not None and seen.request.outside
        cause = Cause.STOPPED_OUTSIDE if outside else Cause.STOPPED_ON_REQUEST
        return _wait(Phase.STOPPED, cause, Facts(request=seen.request))
    if seen.gave_up:
        return _decide_given_up(seen, seen.gave_up, backoff, now)
    if seen.status.state is UnitState.DONE and seen.desired is DesiredState.RUNNING:
        return _wait(Phase.DONE, Cause.DONE)
    if seen.missing:
        return _wait(Phase.WAITING, Cause.MISSING_NEEDS, Facts(units=seen.missing))
    if not seen.started_before or seen.desired is DesiredState.RESTART:
        return Decision(Action.START, Phase.STARTING, Cause.WANTED, Facts(request=seen.request))
    return _decide_again(seen, backoff, now)


def _decide_given_up(
    seen: Observation, given_up: GivenUp, backoff: Backoff, now: float
) -> Decision:
    remaining = seen.status.changed + backoff.rest - now
    if remaining > 0:
        seconds = 60 * math.ceil(remaining / 60)
        return _wait(Phase.GAVE_UP, Cause.GIVEN_UP, Facts(given_up=given_up, seconds=seconds))
    if seen.missing:
        facts = Facts(given_up=given_up, units=seen.missing)
        return _wait(Phase.GAVE_UP, Cause.GIVEN_UP, facts)
    return Decision(Action.RETRY, Phase.STARTING, Cause.GIVEN_UP, Facts(given_up=given_up))


def _decide_again(seen: Observation, backoff: Backoff, now: float) -> Decision:
    """The unit ended although it is wanted."""
    if backoff.spent(seen.restarts, now):
        return _give_up(seen, backoff, now)
    fault = seen.fault or seen.last_ending
    remaining = seen.status.changed + backoff.delay(seen.streak) - now
    if remaining > 0:
        facts = Facts(fault=fault, seconds=math.ceil(remaining))
        return _wait(Phase.FAILED, Cause.ENDED, facts)
    attempt = len(backoff.recent(seen.restarts, now)) + 1
    facts = Facts(fault=fault, attempt=attempt, budget=backoff.budget)
    return Decision(Action.RETRY, Phase.STARTING, Cause.ENDED, facts)


def _give_up(seen: Observation, backoff: Backoff, now: float) -> Decision:
    restarts = len(backoff.recent(seen.restarts, now))
    fault = seen.fault or seen.last_ending
    given_up = GivenUp(restarts, round(backoff.window / 60), fault)
    facts = Facts(given_up=given_up)
    return Decision(Action.GIVE_UP, Phase.GAVE_UP, Cause.BUDGET_SPENT, facts)
