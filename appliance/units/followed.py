"""One systemd unit as we follow it: its properties, its jobs, and who wanted what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.units.model import Kind, Unit, UnitState
from appliance.units.properties import Properties, StoppedBy, Story, state_of

# The result of a job of which we shall hear no more, because the bus went away.
LOST = "lost"
_LAST_RUN = {"Result", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp"}
_CONDITION = "start refused: a condition in its unit file is not met"
_RESULTS = {
    "done": _CONDITION,
    "skipped": _CONDITION,
    "canceled": "start refused: somebody called it off",
    "dependency": "start refused: a unit that it requires did not start",
    "assert": "start refused: an assertion in its unit file is not met",
    "timeout": "start refused: systemd had no time for it",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit stands, apart from since when."""

    state: UnitState
    pid: int | None
    exit: str | None
    outside: bool


@dataclass(slots=True)
class Job:
    """One piece of systemd's work that we asked for."""

    stops: bool
    result: asyncio.Future[str]


@dataclass(slots=True)
class Followed:
    """Takes in what the bus says, in its order; nothing here waits.

    A stop counts as somebody else's when a job that we did not ask for ended well and left the
    unit at rest. The end of a process without any job is the unit's own doing.
    """

    unit: Unit
    properties: Properties = field(default_factory=Properties)
    others: set[str] = field(default_factory=set)
    found: str | None = None
    ours: dict[str, Job] = field(default_factory=dict)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    state: UnitState = UnitState.STOPPED
    asking: bool = False
    ran: bool = False
    outside: bool = False
    stopped_by: StoppedBy | None = None
    refused: str | None = None

    def first_read(self, values: Mapping[str, object], job: str | None) -> None:
        """Take over a unit as it is when we come."""
        self.properties = Properties().updated(values)
        self._find(job)
        # A oneshot that has run before us is to run again.
        self.ran = not self.properties.resting and self.properties.sub != "exited"

    def read_again(self, values: Mapping[str, object], job: str | None) -> None:
        """Take over what may have changed while we heard nothing."""
        self._find(job)
        self.update(values)

    def _find(self, job: str | None) -> None:
        """Wait for a job that is there already. If we did not see it begin, it is nobody's wish.

        It may be that of a supervisor which was killed in the middle of a restart: so what it
        stops is started again.
        """
        if job not in self.others and job not in self.ours:
            self.found = job
        self.others = {job} if job and job not in self.ours else set()

    def update(self, values: Mapping[str, object]) -> None:
        """Take in changed properties."""
        before = self.properties
        if before.resting and before.started and values.get("ExecMainStartTimestamp") == 0:
            # systemd forgets how a unit ended when nobody refers to it any more; we do not.
            values = {name: value for name, value in values.items() if name not in _LAST_RUN}
        self.properties = before.updated(values)
        if before.resting and not self.properties.resting:
            starts = any(not job.stops for job in self.ours.values())
            self.outside = not (self.asking or starts)
            self.ran, self.stopped_by, self.refused = True, None, None
        elif self.properties.started not in {0, before.started}:
            # It began and ended so quickly that we see only the end.
            self.ran = True

    def ask_for_start(self) -> None:
        """Forget how the unit ended before: it is asked to start."""
        self.asking, self.ran, self.outside = True, False, False
        self.state = UnitState.STARTING
        self.stopped_by, self.refused = None, None

    def job_begun(self, job: str) -> None:
        """Note a job; whether it is ours is known when our call is answered, which comes later."""
        self.others.add(job)

    def job_taken(self, job: str, *, stops: bool, before: frozenset[str]) -> Job:
        """Note that a job is ours, unless it is one that was there `before` we asked."""
        if job not in before:
            self.others.discard(job)
        taken = Job(stops, asyncio.get_running_loop().create_future())
        self.ours[job] = taken
        return taken

    def job_ended(self, job: str, result: str) -> None:
        """Take in how a job ended; the properties that it left are known by then."""
        ours, theirs = self.ours.pop(job, None), job in self.others and job != self.found
        self.others.discard(job)
        if theirs and result == "done" and self.properties.resting:
            self.stopped_by = StoppedBy.OTHERS
        elif ours and ours.stops and result == "done":
            self.stopped_by = self.stopped_by or StoppedBy.US
        elif ours and self.properties.active == "inactive" and not self.ran:
            self.refused = _RESULTS.get(result, f"start refused: {result}")
        if ours and not ours.result.done():
            ours.result.set_result(result)

    def lose(self) -> None:
        """The bus went away: nobody will tell how jobs end."""
        for job in self.ours.values():
            if not job.result.done():
                job.result.set_result(LOST)
        self.ours.clear()
        self.others.clear()

    def standing(self) -> Standing:
        """Return how the unit stands now."""
        story = Story(
            kind=self.unit.kind,
            pending=self.asking or bool(self.ours or self.others),
            was_up=self.state in {UnitState.RUNNING, UnitState.STOPPING},
            ran=self.ran,
            stopped_by=self.stopped_by,
            refused=self.refused,
        )
        self.state, ending = state_of(self.properties, story)
        if self.state is UnitState.RUNNING:
            self.up.set()
        else:
            self.up.clear()
        stopped = self.state is UnitState.STOPPED
        outside = self.stopped_by is StoppedBy.OTHERS if stopped else self._started_outside
        pid = 0 if self.properties.resting else self.properties.pid
        return Standing(self.state, pid or None, ending, outside)

    @property
    def _started_outside(self) -> bool:
        return self.outside and self.state is UnitState.RUNNING

    @property
    def needs_restart(self) -> bool:
        """Whether a start would do nothing, since systemd counts what has ended as active."""
        return self.unit.kind is Kind.ONESHOT and self.properties.sub == "exited"
