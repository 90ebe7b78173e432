"""What the supervisor sees, wants and decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.probes.model import ProbeResult
from appliance.units.model import Unit, UnitStatus


class Wish(StrEnum):
    """What the operator wants of a unit."""

    UP = "up"
    DOWN = "down"
    AGAIN = "again"


class Action(StrEnum):
    """What the supervisor does to a unit."""

    WAIT = "wait"
    START = "start"
    RETRY = "retry"
    STOP = "stop"
    RESTART = "restart"
    GIVE_UP = "give up"


class Phase(StrEnum):
    """A unit's state as people see it."""

    STOPPED = "stopped"
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILING = "failing"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    GAVE_UP = "gave up"

    @property
    def is_healthy(self) -> bool:
        """Whether the unit does its work, or has done it."""
        return self in {Phase.READY, Phase.DONE}

    @property
    def is_transient(self) -> bool:
        """Whether another phase follows by itself, soon and as intended."""
        return self in {Phase.WAITING, Phase.STARTING, Phase.STOPPING}

    @property
    def is_intended(self) -> bool:
        """Whether the unit rests because a person stopped it."""
        return self is Phase.STOPPED

    @property
    def is_broken(self) -> bool:
        """Whether the unit should serve and does not."""
        return not (self.is_healthy or self.is_transient or self.is_intended)

    @property
    def is_settled(self) -> bool:
        """Whether the unit stays as it is until it fails or a person acts."""
        return self.is_healthy or self.can_be_started

    @property
    def can_be_started(self) -> bool:
        """Whether a person has to start the unit, or may do it before the supervisor tries."""
        return self in {Phase.STOPPED, Phase.GAVE_UP}

    @property
    def is_finished(self) -> bool:
        """Whether the unit has done its work once and rests."""
        return self is Phase.DONE

    @property
    def has_process(self) -> bool:
        """Whether the unit runs or is about to."""
        return self in {Phase.STARTING, Phase.READY, Phase.FAILING, Phase.STOPPING}

    @property
    def predicate(self) -> str:
        """What the unit does, as the predicate of a sentence about it."""
        return _PREDICATES[self]


_PREDICATES = {
    Phase.READY: "serves",
    Phase.DONE: "is done",
    Phase.WAITING: "waits",
    Phase.STARTING: "starts",
    Phase.STOPPING: "stops",
    Phase.STOPPED: "is stopped",
    Phase.FAILING: "does not answer as it should",
    Phase.FAILED: "failed",
    Phase.GAVE_UP: "is not restarted any more",
}


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that is known about one unit at one moment; times are monotonic seconds.

    `reading` is the last one of this run, `ready_since` the first good one of this run;
    `failures` counts failed readings in a row, the first at `failing_since`. `restarts` are the
    moments of the restarts that were our own doing, `streak` how many since the last stable run.
    `replaced` says that the unit has run since before its program was replaced, `left_down` that
    somebody stopped it outside of Cloister, `fault` why we stopped it ourselves, to start it again.
    """

    unit: Unit
    status: UnitStatus
    wish: Wish
    missing: tuple[str, ...] = ()
    reading: ProbeResult | None = None
    ready_since: float | None = None
    failures: int = 0
    failing_since: float | None = None
    restarts: tuple[float, ...] = ()
    streak: int = 0
    started_before: bool = False
    gave_up: str | None = None
    replaced: bool = False
    left_down: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a unit, how it stands, and why, as a sentence."""

    action: Action
    phase: Phase
    reason: str


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit as the console and the command line show it."""

    name: str
    description: str
    phase: Phase
    since: datetime
    reason: str
    pid: int | None
    restarts: int
    reading: ProbeResult | None
    lines: tuple[str, ...]
    stopped_by: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the unit in the shape that the control socket speaks."""
        reading = self.reading and {
            "state": self.reading.state,
            "sentence": self.reading.sentence,
            "took_seconds": round(self.reading.took_seconds, 6),
        }
        return {
            "name": self.name,
            "description": self.description,
            "state": self.phase,
            "since": self.since.isoformat(),
            "reason": self.reason,
            "pid": self.pid,
            "restarts": self.restarts,
            "reading": reading,
            "lines": list(self.lines),
            "stopped_by": self.stopped_by,
        }
