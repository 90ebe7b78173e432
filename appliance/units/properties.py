"""What systemd's words about a unit mean for us. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from appliance.core.process import describe_exit
from appliance.units.model import Kind, UnitState

# How a process can have ended, in the numbers of waitid(2).
EXITED, KILLED, DUMPED = 1, 2, 3
RESTING = {"inactive", "failed", "maintenance"}

_FIELDS = {
    "LoadState": "load",
    "ActiveState": "active",
    "SubState": "sub",
    "Result": "result",
    "ExecMainCode": "code",
    "ExecMainStatus": "exit_status",
    "ExecMainStartTimestamp": "started",
    "MainPID": "pid",
}
# Codes with which systemd's own half of a new process ends before it becomes the program.
_STEPS = {
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
_FAILURES = {
    "timeout": "timed out: systemd waited too long for it to start or to stop",
    "watchdog": "killed by its watchdog: it was silent for too long",
    "oom-kill": "killed because memory ran out",
    "protocol": "ended before it said that it was ready",
    "start-limit-hit": "started too often for the limit in its unit file",
    "resources": "could not be run: systemd lacked something to start it",
}


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a systemd service that matter to us; `started` is in microseconds."""

    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    code: int = 0
    exit_status: int = 0
    started: int = 0
    pid: int = 0

    def updated(self, changed: Mapping[str, object]) -> Properties:
        """Return the properties after a change; what does not matter is left out."""
        known = {_FIELDS[name]: value for name, value in changed.items() if name in _FIELDS}
        return replace(self, **known)  # type: ignore[arg-type]

    @property
    def resting(self) -> bool:
        """Whether nothing of the unit runs, nor is about to."""
        return self.active in RESTING

    @property
    def ended_well(self) -> bool:
        """Whether the last run ended by itself and without a fault."""
        return self.result == "success" and (self.code, self.exit_status) == (EXITED, 0)


class StoppedBy(StrEnum):
    """Who asked systemd to stop a unit."""

    US = "us"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Story:
    """What properties do not tell: what has happened to the unit while we watched.

    `pending` says that systemd is about to do something to it, `was_up` that it ran before that,
    `ran` that it ran at all since it was last asked to, `refused` why systemd would not start it.
    """

    kind: Kind = Kind.SERVICE
    pending: bool = False
    was_up: bool = False
    ran: bool = False
    stopped_by: StoppedBy | None = None
    refused: str | None = None


def state_of(seen: Properties, story: Story) -> tuple[UnitState, str | None]:
    """Return the unit's state, and how it ended when it rests.

    A process that has not said that it is ready counts as running: whether it serves is the
    question of its probe. A oneshot that rested when we came counts as stopped, because it is
    meant to run each time that the supervisor starts.
    """
    if seen.resting:
        return _resting(seen, story)
    if seen.active == "deactivating":
        return UnitState.STOPPING, None
    if story.kind is Kind.ONESHOT and seen.sub == "exited":
        return (UnitState.DONE if story.ran else UnitState.STOPPED), None
    if seen.active == "activating" and not seen.pid:
        return UnitState.STARTING, None
    return UnitState.RUNNING, None


def _resting(seen: Properties, story: Story) -> tuple[UnitState, str | None]:
    if story.pending:
        return (UnitState.STOPPING if story.was_up else UnitState.STARTING), None
    if story.ran and story.kind is Kind.ONESHOT and seen.ended_well:
        return UnitState.DONE, describe_ending(seen)
    if story.stopped_by:
        return UnitState.STOPPED, describe_ending(seen) if story.ran else None
    if story.refused:
        return UnitState.FAILED, story.refused
    if seen.active == "failed" or story.ran:
        return UnitState.FAILED, describe_ending(seen)
    return UnitState.STOPPED, None


def describe_ending(seen: Properties) -> str:
    """Say how a unit ended, as a sentence without its subject."""
    if seen.result in _FAILURES:
        return _FAILURES[seen.result]
    if seen.code == EXITED:
        step = _STEPS.get(seen.exit_status)
        return describe_exit(seen.exit_status) + (f" (systemd: {step})" if step else "")
    if seen.code in {KILLED, DUMPED}:
        return describe_exit(-seen.exit_status) + (", core dumped" * (seen.code == DUMPED))
    return "ended" if seen.result == "success" else f"ended: {seen.result}"
