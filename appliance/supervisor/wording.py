"""The sentence for a decision: the only place where the supervisor's facts become words."""

from __future__ import annotations

from appliance.core.process import describe_exit
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    Fault,
    GivenUp,
    NotReady,
    StoppedAnswering,
)
from appliance.units.model import Ending, EndingKind

UNKNOWN = "an operator"
_REASONS = {
    Cause.NOT_OBSERVED: "not observed yet",
    Cause.PREPARING: "it is being prepared",
    Cause.WORKING: "it is at work",
    Cause.DONE: "it has done its work",
    Cause.PROGRAM_REPLACED: "its program was replaced since it started",
    Cause.SETTINGS_CHANGED: "its settings were changed since it started",
    Cause.STOPPING: "it is being stopped",
    Cause.STOPPING_OUTSIDE: "it is being stopped outside of Cloister with systemctl",
    Cause.APPLIANCE_STOPS: "Cloister stops",
}
# Codes with which systemd's own half of a new process ends before it becomes the program.
_SETUP_STEPS = {
    200: "CHDIR",
    203: "EXEC",
    209: "STDOUT",
    216: "GROUP",
    217: "USER",
    218: "CAPABILITIES",
    226: "NAMESPACE",
    228: "SECCOMP",
    233: "RUNTIME_DIRECTORY",
    238: "STATE_DIRECTORY",
    243: "CREDENTIALS",
}
_ENDINGS = {
    EndingKind.TIMED_OUT: "timed out: systemd waited too long for it to start or to stop",
    EndingKind.WATCHDOG: "killed by its watchdog: it was silent for too long",
    EndingKind.OUT_OF_MEMORY: "killed because memory ran out",
    EndingKind.NEVER_READY: "ended before it said that it was ready",
    EndingKind.START_LIMIT: "started too often for the limit in its unit file",
    EndingKind.NO_RESOURCES: "could not be run: systemd lacked something to start it",
    EndingKind.CONDITION_UNMET: "start refused: a condition in its unit file is not met",
    EndingKind.ASSERTION_FAILED: "start refused: an assertion in its unit file is not met",
    EndingKind.DEPENDENCY_FAILED: "start refused: a unit that it requires did not start",
    EndingKind.START_CANCELED: "start refused: its job was canceled",
    EndingKind.START_TIMED_OUT: "start refused: its job timed out",
    EndingKind.LOST: "the supervisor lost track of its process; supervisor.log says why",
}


def sentence(unit: str, decision: Decision) -> str:
    """Return why a unit is in its phase, or for an action what is done and why."""
    reason = _reason(unit, decision.cause, decision.facts)
    facts = decision.facts
    match decision.action:
        case Action.WAIT | Action.GIVE_UP:
            return reason
        case Action.START:
            return f"start {unit}: {reason}"
        case Action.RETRY if facts.given_up:
            return f"try {unit} once more: {reason}"
        case Action.RETRY:
            return f"start {unit} again: {reason} (restart {facts.attempt} of {facts.budget})"
        case Action.STOP:
            return f"stop {unit}: {reason}"
        case Action.RESTART:
            return f"restart {unit}: {reason}"


def ending_words(ending: Ending) -> str:
    """Say how a run ended, as a sentence without its subject."""
    exited, killed = describe_exit(ending.code or 0), describe_exit(-(ending.signal or 0))
    step = _SETUP_STEPS.get(ending.code or 0, "before the program began")
    with_facts = {
        EndingKind.EXITED: exited,
        EndingKind.SETUP_FAILED: f"{exited} (systemd: {step})",
        EndingKind.KILLED: killed,
        EndingKind.DUMPED: f"{killed}, core dumped",
        EndingKind.NOT_PREPARED: ending.detail or "its preparation failed",
        EndingKind.REFUSED: f"start refused: {ending.detail}",
        EndingKind.UNKNOWN: f"ended: {ending.detail}" if ending.detail else "ended",
    }
    return with_facts.get(ending.kind) or _ENDINGS[ending.kind]


def fault_words(fault: Fault | None) -> str:
    """Say what was wrong with a run, as a sentence without its subject."""
    match fault:
        case None:
            return "ended"
        case Ending():
            return ending_words(fault)
        case NotReady(deadline, answer):
            return f"not ready {deadline:g} s after its start ({answer})"
        case StoppedAnswering(failures, seconds, answer):
            return f"{failures} failed probes in {seconds} s ({answer})"


def _reason(unit: str, cause: Cause, facts: Facts) -> str:
    by = facts.request.by if facts.request else None
    outside = "stopped outside of Cloister with systemctl"
    with_facts = {
        Cause.WANTED: f"requested by {by}" if by else "it is wanted",
        Cause.MISSING_NEEDS: f"waits for {' and '.join(facts.units)}",
        Cause.NO_ANSWER_YET: f"it has not answered yet: {facts.answer}",
        Cause.ANSWERS: facts.answer or "not asked yet",
        Cause.BAD_ANSWER: facts.answer or "not asked yet",
        Cause.NOT_READY_IN_TIME: fault_words(facts.fault),
        Cause.STOPPED_ANSWERING: fault_words(facts.fault),
        Cause.STOP_REQUESTED: f"requested by {by or UNKNOWN}",
        Cause.RESTART_REQUESTED: f"requested by {by or UNKNOWN}",
        Cause.STOPPED_ON_REQUEST: f"stopped by {by or UNKNOWN}",
        Cause.STOPPED_OUTSIDE: f"{outside}; `cloister start {unit}` starts it again",
        Cause.ENDED: _ended(facts),
        Cause.BUDGET_SPENT: _given_up(facts),
        Cause.GIVEN_UP: _given_up(facts),
        Cause.USERS_STILL_RUN: f"waits for {' and '.join(facts.units)} to stop",
    }
    return with_facts.get(cause) or _REASONS[cause]


def _ended(facts: Facts) -> str:
    words = fault_words(facts.fault)
    return f"{words}; starts again in {facts.seconds} s" if facts.seconds else words


def _given_up(facts: Facts) -> str:
    words = _history(facts.given_up) if facts.given_up else "gave up"
    if facts.seconds:
        return f"{words}; it is tried once more in {facts.seconds // 60} min"
    return f"{words}; it waits for {' and '.join(facts.units)}" if facts.units else words


def _history(given_up: GivenUp) -> str:
    count = f"gave up after {given_up.restarts} restarts in {given_up.minutes} min"
    return f"{count}; the last time: {fault_words(given_up.fault)}"
