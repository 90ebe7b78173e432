"""What the supervisor remembers about one unit between two looks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Decision, Observation, Phase, UnitView, Wish
from appliance.units.model import Unit, UnitState, UnitStatus

STABLE_SECONDS = 10.0
SHOWN_LINES = 20


@dataclass(slots=True)
class Tracked:
    """One unit's memory. Only the loop changes it."""

    unit: Unit
    status: UnitStatus
    since: datetime
    wish: Wish = Wish.UP
    decision: Decision | None = None
    reading: ProbeResult | None = None
    ready_since: float | None = None
    failures: int = 0
    failing_since: float | None = None
    restarts: tuple[float, ...] = ()
    restarts_in_all: int = 0
    streak: int = 0
    started_before: bool = False
    gave_up: str | None = None
    replaced: bool = False
    left_down: bool = False
    fault: str | None = None
    runs_since: datetime | None = None
    action: asyncio.Task[None] | None = None
    poke: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def busy(self) -> bool:
        """Whether something is being done to the unit at the moment."""
        return self.action is not None and not self.action.done()

    @property
    def phase(self) -> Phase:
        """How the unit stands."""
        return self.decision.phase if self.decision else Phase.WAITING

    @property
    def serves(self) -> bool:
        """Whether units that need this one may start."""
        if self.status.state is UnitState.DONE:
            return True
        answers = self.reading is not None and self.reading.state is ProbeState.OK
        return self.status.state is UnitState.RUNNING and answers

    def take_status(self, status: UnitStatus) -> None:
        """Remember a new status; readings belong to the run in which they were made."""
        if status is self.status:
            return
        if status.state is not UnitState.STOPPING:
            self._forget_readings()
        if status.state is not UnitState.RUNNING:
            self.replaced, self.runs_since = False, None
        self.left_down = status.outside and status.state is UnitState.STOPPED
        if status.outside and status.state is UnitState.RUNNING:
            # Whoever starts a unit wants it, as if the operator had said so here.
            self.wish = Wish.UP if self.wish is Wish.DOWN else self.wish
            if self.gave_up:
                self.restarts, self.streak, self.gave_up = (), 0, None
            self.started_before = True
        if status.state is UnitState.DONE:
            self.gave_up = None
        self.status = status
        self.poke.set()

    def adopt(self, status: UnitStatus, *, replaced: bool) -> None:
        """Take over a unit that an earlier supervisor, or somebody else, has started."""
        self.take_status(status)
        self.started_before = status.state.active
        self.replaced = replaced
        self.runs_since = status.since if status.state is UnitState.RUNNING else None

    def since_when(self, phase: Phase, now: datetime) -> datetime:
        """Return when the phase began that we see begin `now`.

        A unit that was taken over did not begin to serve when its new supervisor first asked it.
        """
        if phase is not Phase.READY or self.runs_since is None:
            return now
        since, self.runs_since = self.runs_since, None
        return since

    @property
    def wanted(self) -> bool:
        """Whether anybody wants the unit to run."""
        return self.wish is not Wish.DOWN and not self.left_down

    def take_reading(self, reading: ProbeResult, now: float) -> None:
        """Count a reading. NOT_READY is no failure: the unit says itself that it waits."""
        self.reading = reading
        if reading.state is ProbeState.FAILED:
            self.failures += 1
            self.failing_since = now if self.failing_since is None else self.failing_since
            return
        self.failures, self.failing_since = 0, None
        if reading.state is ProbeState.OK and self.ready_since is None:
            self.ready_since = now
        if self.ready_since is not None and now - self.ready_since >= STABLE_SECONDS:
            self.streak, self.gave_up = 0, None

    def take_wish(self, wish: Wish) -> None:
        """Remember what the operator wants, who thereby starts with a full budget again."""
        self.wish = wish
        self.restarts, self.streak, self.gave_up = (), 0, None
        self.left_down, self.fault = False, None
        self.started_before = self.started_before and self.status.state.active

    def _forget_readings(self) -> None:
        self.reading, self.ready_since = None, None
        self.failures, self.failing_since = 0, None

    def observation(self, missing: tuple[str, ...]) -> Observation:
        """Return all facts as one value, for the decision."""
        return Observation(
            unit=self.unit,
            status=self.status,
            wish=self.wish,
            missing=missing,
            reading=self.reading,
            ready_since=self.ready_since,
            failures=self.failures,
            failing_since=self.failing_since,
            restarts=self.restarts,
            streak=self.streak,
            started_before=self.started_before,
            gave_up=self.gave_up,
            replaced=self.replaced,
            left_down=self.left_down,
            fault=self.fault,
        )

    def view(self, lines: tuple[str, ...]) -> UnitView:
        """Return the unit as people see it."""
        return UnitView(
            name=self.unit.name,
            description=self.unit.description,
            phase=self.phase,
            since=self.since,
            reason=self.decision.reason if self.decision else "not looked at yet",
            pid=self.status.pid,
            restarts=self.restarts_in_all,
            reading=self.reading,
            lines=lines,
        )
