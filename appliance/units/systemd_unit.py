"""One systemd unit as we follow it: its properties, its jobs, and who asked for what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.units.model import Ending, EndingKind, Kind, Origin, Unit, UnitState
from appliance.units.properties import History, Properties, state_of

# The result of a job of which we shall get no signal, because the bus went away.
LOST = "lost"
_LAST_RUN = {"Result", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp"}
_REFUSALS = {
    "done": EndingKind.CONDITION_UNMET,
    "skipped": EndingKind.CONDITION_UNMET,
    "canceled": EndingKind.START_CANCELED,
    "dependency": EndingKind.DEPENDENCY_FAILED,
    "assert": EndingKind.ASSERTION_FAILED,
    "timeout": EndingKind.START_TIMED_OUT,
}


class JobType(StrEnum):
    """What a job of systemd does, as far as it matters: whether it stops the unit for good."""

    STOP = "stop"
    RESTART = "restart"
    OTHER = "other"

    @classmethod
    def read(cls, word: object) -> JobType:
        """Return the type that systemd names."""
        return {"stop": cls.STOP, "restart": cls.RESTART}.get(str(word), cls.OTHER)


@dataclass(frozen=True, slots=True)
class ObservedState:
    """A unit's state, apart from since when it is in it."""

    state: UnitState
    pid: int | None = None
    ending: Ending | None = None
    origin: Origin = Origin.SUPERVISOR
    revivals: int = 0


@dataclass(slots=True)
class OwnJob:
    """A job that we asked for."""

    stops: bool
    result: asyncio.Future[str]


@dataclass(slots=True)
class ForeignJob:
    """A job that we did not ask for.

    `type` is None until systemd has named it, which it cannot after a job that was over at once;
    `started` is when the unit's last run had begun as the job began.
    """

    started: int
    type: JobType | None = None

    def may_stop(self, seen: Properties) -> bool:
        """Whether the job stops the unit: a job in which a run began has not stopped it."""
        if self.type is None:
            return seen.started == self.started
        restarting = self.type is JobType.RESTART and seen.started == self.started
        return self.type is JobType.STOP or restarting

    def stopped(self, seen: Properties) -> bool:
        """Whether the job, which is done, was a request to stop the unit and nothing else."""
        if self.type is None:
            return seen.started == self.started
        return self.type is JobType.STOP


@dataclass(slots=True)
class SystemdUnit:
    """Takes in what the bus says, in its order; nothing here waits.

    A stop counts as an administrator's when a stop job that we did not ask for has left the unit
    at rest. The end of a process without a stop job is the unit's own doing, whatever state
    systemd shows meanwhile; a run that begins after it unasked is a revival by the unit's socket.
    """

    unit: Unit
    properties: Properties = field(default_factory=Properties)
    before: Properties = field(default_factory=Properties)
    foreign_jobs: dict[str, ForeignJob] = field(default_factory=dict)
    inherited_job: str | None = None
    own_jobs: dict[str, OwnJob] = field(default_factory=dict)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    state: UnitState = UnitState.STOPPED
    asking: bool = False
    ran: bool = False
    ended_itself: bool = False
    started_by: Origin = Origin.SUPERVISOR
    stopped_by: Origin | None = None
    refused: Ending | None = None
    revivals: int = 0

    def first_read(self, values: Mapping[str, object], job: str | None) -> None:
        """Take over a unit as it is when we come."""
        self.properties = self.before = Properties().updated(values)
        self._inherit(job)
        # A oneshot that has run before us is to run again.
        self.ran = not self.properties.resting and self.properties.sub != "exited"

    def read_again(self, values: Mapping[str, object], job: str | None) -> None:
        """Take over what may have changed while the bus was away."""
        self._inherit(job)
        self.update(values)

    def _inherit(self, job: str | None) -> None:
        """Wait for a job that is there already. If we did not see it begin, it is no request.

        It may be that of a supervisor which was killed in the middle of a restart: so what it
        stops is started again.
        """
        known = self.foreign_jobs.get(job or "")
        if known is None and job not in self.own_jobs:
            self.inherited_job = job
        self.foreign_jobs = {}
        if job and job not in self.own_jobs:
            self.foreign_jobs[job] = known or ForeignJob(self.properties.started)

    def update(self, values: Mapping[str, object], *, complete: bool = True) -> None:
        """Take in changed properties; `complete` is False while more of the same change follow."""
        known = self.properties
        if known.resting and known.started and values.get("ExecMainStartTimestamp") == 0:
            # systemd forgets how a unit ended when no client refers to it any more; we do not.
            values = {name: value for name, value in values.items() if name not in _LAST_RUN}
        self.properties = known.updated(values)
        # systemd may report a new process before the state of its unit; the state follows.
        is_early = self.properties.resting and self.properties.pid != 0
        if complete and not is_early:
            self._take_change(self.before)
            self.before = self.properties

    def _take_change(self, before: Properties) -> None:
        """Note that the unit began or ended a run."""
        starts = before.resting and not self.properties.resting
        began = self.properties.started not in {0, before.started}
        # The two differ in a start that first prepares something, and are equal in a run
        # that was over before it was seen.
        if starts or (began and self.ended_itself):
            self._begin()
        self.ran = self.ran or began
        if (began or _runs(before)) and not _runs(self.properties) and not self._is_being_stopped:
            self.ended_itself = True

    def _begin(self) -> None:
        """Note who started the unit."""
        asked = self.asking or any(not job.stops for job in self.own_jobs.values())
        if asked:
            self.started_by = Origin.SUPERVISOR
        elif self.ended_itself:
            self.started_by, self.revivals = Origin.UNIT, self.revivals + 1
        else:
            self.started_by = Origin.SYSTEMCTL
        self.ran, self.ended_itself = True, False
        self.stopped_by, self.refused = None, None

    @property
    def _is_being_stopped(self) -> bool:
        own = any(job.stops for job in self.own_jobs.values())
        return own or any(job.may_stop(self.properties) for job in self.foreign_jobs.values())

    def ask_for_start(self) -> None:
        """Forget how the unit ended before: it is asked to start."""
        self.asking, self.ran, self.ended_itself = True, False, False
        self.state, self.started_by = UnitState.STARTING, Origin.SUPERVISOR
        self.stopped_by, self.refused = None, None

    def job_begun(self, job: str) -> None:
        """Note a job; whether it is ours is known when our call is answered, which comes later."""
        self.foreign_jobs[job] = ForeignJob(self.properties.started)

    def job_typed(self, job: str, word: object) -> None:
        """Note what a job does; one that is over by now is left as it was understood."""
        if job in self.foreign_jobs:
            self.foreign_jobs[job].type = JobType.read(word)

    def job_taken(self, job: str, *, stops: bool, before: frozenset[str]) -> OwnJob:
        """Note that a job is ours, unless it is one that was there `before` we asked."""
        if job not in before:
            self.foreign_jobs.pop(job, None)
        taken = OwnJob(stops, asyncio.get_running_loop().create_future())
        self.own_jobs[job] = taken
        return taken

    def job_ended(self, job: str, result: str) -> None:
        """Take in how a job ended; the properties that it left are known by then."""
        own, foreign = self.own_jobs.pop(job, None), self.foreign_jobs.pop(job, None)
        at_rest, done = self.properties.resting, result == "done"
        inherited = job == self.inherited_job
        if foreign and not inherited and done and at_rest and foreign.stopped(self.properties):
            self.stopped_by, self.ended_itself = Origin.SYSTEMCTL, False
        elif own and own.stops and done:
            self.stopped_by, self.ended_itself = self.stopped_by or Origin.SUPERVISOR, False
        elif own and self.properties.active == "inactive" and not self.ran:
            kind = _REFUSALS.get(result)
            self.refused = Ending(kind) if kind else Ending(EndingKind.REFUSED, detail=result)
        if own and not own.result.done():
            own.result.set_result(result)

    def lose(self) -> None:
        """The bus went away: no signal will say how jobs end."""
        for job in self.own_jobs.values():
            if not job.result.done():
                job.result.set_result(LOST)
        self.own_jobs.clear()
        self.foreign_jobs.clear()

    def observe(self) -> ObservedState:
        """Return the unit's state now."""
        was_up = self.state in {UnitState.RUNNING, UnitState.STOPPING}
        # A stop of ours changes nothing about a unit that rests.
        own = any(was_up or not job.stops for job in self.own_jobs.values())
        history = History(
            kind=self.unit.kind,
            pending=self.asking or own or bool(self.foreign_jobs),
            was_up=was_up,
            ran=self.ran,
            stopped_by=self.stopped_by,
            refused=self.refused,
        )
        self.state, ending = state_of(self.properties, history)
        if self.state is UnitState.RUNNING:
            self.up.set()
        else:
            self.up.clear()
        pid = 0 if self.properties.resting else self.properties.pid
        return ObservedState(self.state, pid or None, ending, self._origin, self.revivals)

    @property
    def _origin(self) -> Origin:
        """Who brought about the state."""
        match self.state:
            case UnitState.STARTING | UnitState.RUNNING:
                return self.started_by
            case UnitState.STOPPING if self.ended_itself:
                return Origin.UNIT
            case UnitState.STOPPING:
                foreign = set(self.foreign_jobs) - {self.inherited_job} and not self.own_jobs
                return Origin.SYSTEMCTL if foreign else Origin.SUPERVISOR
            case UnitState.STOPPED:
                return self.stopped_by or Origin.SUPERVISOR
            case UnitState.DONE | UnitState.FAILED:
                return Origin.UNIT

    @property
    def needs_restart(self) -> bool:
        """Whether a start would do nothing, since systemd counts what has ended as active."""
        return self.unit.kind is Kind.ONESHOT and self.properties.sub == "exited"


def _runs(seen: Properties) -> bool:
    """Whether a process of the unit runs that nothing has ended yet."""
    return not seen.resting and seen.active != "deactivating"
