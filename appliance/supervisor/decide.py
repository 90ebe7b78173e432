"""What to do with one unit, from facts and time alone: nothing here reads, waits or acts."""

from __future__ import annotations

import math

from appliance.probes.model import ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.model import Action, Decision, Observation, Phase, Wish
from appliance.units.model import Kind, UnitState

FAILED_READINGS = 3
FAILING_SECONDS = 10.0


def decide(seen: Observation, backoff: Backoff, now: float) -> Decision:
    """Return what to do with the unit at the time `now`, and why.

    1. A unit that is on its way up or down is left alone until it has arrived.
    2. The operator's wish comes before everything else; what somebody stopped outside of
       Cloister is left down like what the operator stopped.
    3. A unit that runs is left alone as long as it answers, unless its program was replaced. It
       is not restarted because another one is down: services find each other again by themselves.
    4. A unit that does not run is started when its needs are met, its back-off is over, and its
       budget is not spent. One that was given up is tried once in a while.
    """
    match seen.status.state:
        case UnitState.STARTING:
            return _wait(Phase.STARTING, "it is being prepared")
        case UnitState.STOPPING:
            return _wait(Phase.STOPPING, "it is being stopped")
        case UnitState.RUNNING:
            return _decide_running(seen, now)
        case UnitState.STOPPED | UnitState.DONE | UnitState.FAILED:
            return _decide_resting(seen, backoff, now)


def _wait(phase: Phase, reason: str) -> Decision:
    return Decision(Action.WAIT, phase, reason)


def _decide_running(seen: Observation, now: float) -> Decision:
    name = seen.unit.name
    match seen.wish:
        case Wish.DOWN:
            return Decision(Action.STOP, Phase.STOPPING, f"stop {name}: the operator asked for it")
        case Wish.AGAIN:
            reason = f"restart {name}: the operator asked for it"
            return Decision(Action.RESTART, Phase.STOPPING, reason)
        case Wish.UP if seen.replaced:
            reason = f"restart {name}: its program was replaced since it started"
            return Decision(Action.RESTART, Phase.STOPPING, reason)
        case Wish.UP if seen.ready_since is None:
            return _decide_unready(seen, now)
        case Wish.UP:
            return _decide_ready(seen, now)


def _decide_unready(seen: Observation, now: float) -> Decision:
    """The unit has not answered well since its start."""
    name, heard = seen.unit.name, seen.reading.sentence if seen.reading else "not asked yet"
    if now - seen.status.changed > seen.unit.start_deadline:
        late = f"not ready {seen.unit.start_deadline:g} s after its start ({heard})"
        return Decision(Action.RESTART, Phase.FAILING, f"restart {name}: {late}")
    if seen.unit.kind is Kind.ONESHOT:
        return _wait(Phase.STARTING, "it is at work")
    return _wait(Phase.STARTING, f"it has not answered yet: {heard}")


def _decide_ready(seen: Observation, now: float) -> Decision:
    """The unit has answered well since its start."""
    heard = seen.reading.sentence if seen.reading else "not asked yet"
    failing = now - seen.failing_since if seen.failing_since is not None else 0.0
    if seen.failures >= FAILED_READINGS and failing >= FAILING_SECONDS:
        count = f"{seen.failures} failed readings in {failing:.0f} s ({heard})"
        return Decision(Action.RESTART, Phase.FAILING, f"restart {seen.unit.name}: {count}")
    if seen.reading and seen.reading.state is not ProbeState.OK:
        return _wait(Phase.FAILING, heard)
    return _wait(Phase.READY, heard)


def _decide_resting(seen: Observation, backoff: Backoff, now: float) -> Decision:
    name, state = seen.unit.name, seen.status.state
    if unwanted := _unwanted(seen):
        return _wait(Phase.STOPPED, unwanted)
    if seen.gave_up:
        return _decide_given_up(seen, seen.gave_up, backoff, now)
    if state is UnitState.DONE and seen.wish is Wish.UP:
        return _wait(Phase.DONE, "it has done its work")
    if seen.missing:
        return _wait(Phase.WAITING, f"waits for {' and '.join(seen.missing)}")
    if not seen.started_before or seen.wish is Wish.AGAIN:
        return Decision(Action.START, Phase.STARTING, f"start {name}: it is wanted")
    return _decide_again(seen, backoff, now)


def _unwanted(seen: Observation) -> str | None:
    """Return why the unit is to stay down, or None when it is wanted."""
    if seen.wish is Wish.DOWN:
        return "the operator stopped it"
    if seen.left_down:
        outside = "somebody stopped it outside of Cloister (systemctl stop)"
        return f"{outside}; `cloister start {seen.unit.name}` starts it again"
    return None


def _decide_given_up(seen: Observation, gave_up: str, backoff: Backoff, now: float) -> Decision:
    remaining = seen.status.changed + backoff.rest - now
    if remaining > 0:
        minutes = math.ceil(remaining / 60)
        return _wait(Phase.GAVE_UP, f"{gave_up}; it is tried once more in {minutes} min")
    if seen.missing:
        return _wait(Phase.GAVE_UP, f"{gave_up}; it waits for {' and '.join(seen.missing)}")
    return Decision(Action.RETRY, Phase.STARTING, f"try {seen.unit.name} once more: {gave_up}")


def _decide_again(seen: Observation, backoff: Backoff, now: float) -> Decision:
    """The unit ended although it is wanted."""
    name, ending = seen.unit.name, seen.fault or seen.status.exit or "ended"
    used = len(backoff.recent(seen.restarts, now))
    if backoff.spent(seen.restarts, now):
        minutes = f"{used} restarts in {backoff.window / 60:.0f} min"
        reason = f"gave up: {minutes}, the last time it {_predicate(ending)}"
        return Decision(Action.GIVE_UP, Phase.GAVE_UP, reason)
    remaining = seen.status.changed + backoff.delay(seen.streak) - now
    if remaining > 0:
        return _wait(Phase.FAILED, f"{ending}; starts again in {remaining:.0f} s")
    reason = f"start {name} again: {ending} (restart {used + 1} of {backoff.budget})"
    return Decision(Action.RETRY, Phase.STARTING, reason)


def _predicate(ending: str) -> str:
    if ending.startswith("start refused"):
        return f"had its {ending}"
    if ending[0].isdigit():
        return f"had {ending}"
    return f"was {ending}" if ending.startswith(("killed", "not ready")) else ending
