"""What the supervisor observes, wants and decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.probes.model import ProbeResult
from appliance.supervisor.desired_state import DesiredState, Request
from appliance.units.model import Ending, Unit, UnitStatus


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


class Cause(StrEnum):
    """Why a unit is in its phase, and why something is done to it."""

    NOT_OBSERVED = "not_observed"
    WANTED = "wanted"
    MISSING_NEEDS = "missing_needs"
    PREPARING = "preparing"
    WORKING = "working"
    NO_ANSWER_YET = "no_answer_yet"
    ANSWERS = "answers"
    BAD_ANSWER = "bad_answer"
    DONE = "done"
    NOT_READY_IN_TIME = "not_ready_in_time"
    STOPPED_ANSWERING = "stopped_answering"
    PROGRAM_REPLACED = "program_replaced"
    SETTINGS_CHANGED = "settings_changed"
    STOPPING = "stopping"
    STOP_REQUESTED = "stop_requested"
    RESTART_REQUESTED = "restart_requested"
    STOPPED_ON_REQUEST = "stopped_on_request"
    STOPPED_OUTSIDE = "stopped_outside"
    STOPPING_OUTSIDE = "stopping_outside"
    ENDED = "ended"
    BUDGET_SPENT = "budget_spent"
    GIVEN_UP = "given_up"
    APPLIANCE_STOPS = "appliance_stops"
    USERS_STILL_RUN = "users_still_run"


@dataclass(frozen=True, slots=True)
class NotReady:
    """The unit did not become ready within `deadline` seconds; `answer` is its last one."""

    deadline: float
    answer: str


@dataclass(frozen=True, slots=True)
class StoppedAnswering:
    """The unit was ready, and then failed `failures` probes in `seconds`."""

    failures: int
    seconds: int
    answer: str


# What was wrong with the last run: how it ended by itself, or why the supervisor ended it.
Fault = Ending | NotReady | StoppedAnswering


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The supervisor gave a unit up after `restarts` within `minutes`."""

    restarts: int
    minutes: int
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that is known about one unit at one moment; times are monotonic seconds.

    `reading` is the last probe result of this run, `ready_since` the first good one of this run;
    `failures` counts failed results in a row, the first at `failing_since`. `restarts` are the
    moments of the restarts without a request, `streak` how many since the last stable run.
    `replaced` says that the unit has run since before its program was replaced, `reconfigured` the
    same of the settings that it read at its start, `fault` why the
    supervisor stopped it to start it again, and `last_ending` how it last ended.
    """

    unit: Unit
    status: UnitStatus
    desired: DesiredState = DesiredState.RUNNING
    request: Request | None = None
    missing: tuple[str, ...] = ()
    reading: ProbeResult | None = None
    ready_since: float | None = None
    failures: int = 0
    failing_since: float | None = None
    restarts: tuple[float, ...] = ()
    streak: int = 0
    started_before: bool = False
    gave_up: GivenUp | None = None
    replaced: bool = False
    reconfigured: bool = False
    fault: Fault | None = None
    last_ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision's sentence names besides its cause; a field that does not apply is empty.

    `units` are the units that it waits for, `answer` the last answer of its probe, `seconds`
    the time until the next start, and `attempt` that start's number of `budget`.
    """

    units: tuple[str, ...] = ()
    request: Request | None = None
    answer: str | None = None
    fault: Fault | None = None
    given_up: GivenUp | None = None
    seconds: int | None = None
    attempt: int = 0
    budget: int = 0


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a unit, which phase it is in, and why; `wording` makes the sentence."""

    action: Action
    phase: Phase
    cause: Cause
    facts: Facts = NO_FACTS


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit as the console and the command line show it.

    `reason` is the sentence for `cause`. `stopped_by` and `stopped_at` say who asked for a unit to
    be stopped, as long as that holds; both are None for every other unit.
    """

    name: str
    description: str
    phase: Phase
    since: datetime
    reason: str
    pid: int | None
    restarts: int
    reading: ProbeResult | None
    lines: tuple[str, ...]
    cause: Cause = Cause.NOT_OBSERVED
    stopped_by: str | None = None
    stopped_at: datetime | None = None

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
            "cause": self.cause,
            "reason": self.reason,
            "stopped_by": self.stopped_by,
            "stopped_at": self.stopped_at and self.stopped_at.isoformat(),
            "pid": self.pid,
            "restarts": self.restarts,
            "reading": reading,
            "lines": list(self.lines),
        }
