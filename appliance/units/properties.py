"""What systemd's properties of a unit mean for the supervisor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.units.model import Ending, EndingKind, Kind, Origin, UnitState

# How a process can have ended, in the numbers of waitid(2).
EXITED, KILLED, DUMPED = 1, 2, 3
RESTING = {"inactive", "failed", "maintenance"}
# From here on, an exit code comes from systemd's own half of a new process (systemd.exec(5)).
FIRST_SETUP_CODE, LAST_SETUP_CODE = 200, 243

_FIELDS = {
    "ActiveState": "active",
    "SubState": "sub",
    "Result": "result",
    "ExecMainCode": "code",
    "ExecMainStatus": "exit_status",
    "ExecMainStartTimestamp": "started",
    "MainPID": "pid",
}
_RESULTS = {
    "timeout": EndingKind.TIMED_OUT,
    "watchdog": EndingKind.WATCHDOG,
    "oom-kill": EndingKind.OUT_OF_MEMORY,
    "protocol": EndingKind.NEVER_READY,
    "start-limit-hit": EndingKind.START_LIMIT,
    "resources": EndingKind.NO_RESOURCES,
}


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a systemd service that matter to us; `started` is in microseconds."""

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
        """Whether the last run ended without a request and without a fault."""
        return self.result == "success" and (self.code, self.exit_status) == (EXITED, 0)


@dataclass(frozen=True, slots=True)
class History:
    """What properties do not tell: what has happened to the unit while we watched.

    `pending` says that systemd is about to do something to it, `was_up` that it ran before that,
    `ran` that it ran at all since it was last asked to, `stopped_by` who had it stopped, and
    `refused` why systemd did not start it.
    """

    kind: Kind = Kind.SERVICE
    pending: bool = False
    was_up: bool = False
    ran: bool = False
    stopped_by: Origin | None = None
    refused: Ending | None = None


def state_of(seen: Properties, history: History) -> tuple[UnitState, Ending | None]:
    """Return the unit's state, and how it ended when it rests.

    A process that has not said that it is ready counts as running: whether it serves is the
    question of its probe. A oneshot that rested when we came counts as stopped, because it is
    meant to run each time that the supervisor starts.
    """
    if seen.resting:
        return _resting(seen, history)
    if seen.active == "deactivating":
        return UnitState.STOPPING, ending_of(seen) if seen.code else None
    if history.kind is Kind.ONESHOT and seen.sub == "exited":
        return (UnitState.DONE if history.ran else UnitState.STOPPED), None
    if seen.active == "activating" and not seen.pid:
        return UnitState.STARTING, None
    return UnitState.RUNNING, None


def _resting(seen: Properties, history: History) -> tuple[UnitState, Ending | None]:
    if history.pending:
        state = UnitState.STOPPING if history.was_up else UnitState.STARTING
        return state, ending_of(seen) if history.was_up else None
    if history.ran and history.kind is Kind.ONESHOT and seen.ended_well:
        return UnitState.DONE, ending_of(seen)
    if history.stopped_by:
        return UnitState.STOPPED, ending_of(seen) if history.ran else None
    if history.refused:
        return UnitState.FAILED, history.refused
    if seen.active == "failed" or history.ran:
        return UnitState.FAILED, ending_of(seen)
    return UnitState.STOPPED, None


def ending_of(seen: Properties) -> Ending:
    """Return how the last run of a unit ended."""
    if seen.result in _RESULTS:
        return Ending(_RESULTS[seen.result])
    if seen.code == EXITED:
        setup = FIRST_SETUP_CODE <= seen.exit_status <= LAST_SETUP_CODE
        kind = EndingKind.SETUP_FAILED if setup else EndingKind.EXITED
        return Ending(kind, code=seen.exit_status)
    if seen.code in {KILLED, DUMPED}:
        kind = EndingKind.KILLED if seen.code == KILLED else EndingKind.DUMPED
        return Ending(kind, signal=seen.exit_status)
    return Ending(EndingKind.UNKNOWN, detail="" if seen.result == "success" else seen.result)
