"""One unit as the supervisor manages it: the latest observation, and what is done to the unit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.desired_state import DesiredState, Request
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Observation,
    Phase,
    UnitView,
)
from appliance.supervisor.wording import sentence
from appliance.units.model import Kind, Origin, Unit, UnitState, UnitStatus

STABLE_SECONDS = 10.0
SHOWN_LINES = 20
SYSTEMCTL = "systemctl"
NOT_OBSERVED = Decision(Action.WAIT, Phase.WAITING, Cause.NOT_OBSERVED)


@dataclass(slots=True)
class ManagedUnit:
    """One unit's memory. Only the loop and the unit's own probe change it."""

    seen: Observation
    since: datetime
    backoff: Backoff = field(default_factory=Backoff)
    decision: Decision = NOT_OBSERVED
    restarts_in_all: int = 0
    runs_since: datetime | None = None
    action: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def unit(self) -> Unit:
        """The unit's declaration."""
        return self.seen.unit

    @property
    def status(self) -> UnitStatus:
        """What the driver last said."""
        return self.seen.status

    @property
    def busy(self) -> bool:
        """Whether something is being done to the unit at the moment."""
        return self.action is not None and not self.action.done()

    @property
    def phase(self) -> Phase:
        """The unit's phase, by the last decision."""
        return self.decision.phase

    @property
    def serves(self) -> bool:
        """Whether units that need this one may start."""
        if self.status.state is UnitState.DONE:
            return True
        reading = self.seen.reading
        answers = reading is not None and reading.state is ProbeState.OK
        return self.status.state is UnitState.RUNNING and answers

    @property
    def wanted(self) -> bool:
        """Whether the unit is meant to run."""
        return self.seen.desired is not DesiredState.STOPPED

    @property
    def kept_stopped(self) -> Request | None:
        """Return who asked Cloister for a stop, which the next supervisor must respect.

        One of `systemctl stop` ends with the supervisor, and a oneshot does its work at each start.
        """
        request = self.seen.request
        if self.wanted or request is None or request.outside or self.unit.kind is Kind.ONESHOT:
            return None
        return request

    def take_status(self, status: UnitStatus, now: datetime) -> None:
        """Remember a new status; probe results belong to the run in which they were made."""
        before = self.status
        if status is before:
            return
        if status.state is not UnitState.STOPPING:
            self._forget_readings()
        if status.state is not UnitState.RUNNING:
            self._update(replaced=False, reconfigured=False)
            self.runs_since = None
        if status.state is UnitState.DONE:
            self._update(gave_up=None)
        self._count_revivals(status.revivals - before.revivals, status.changed)
        self._update(status=status, last_ending=status.ending or self.seen.last_ending)
        if status.origin is Origin.SYSTEMCTL and status.state is not before.state:
            self._take_request_to_systemd(status.state, now)
        self.wake.set()

    def _take_request_to_systemd(self, state: UnitState, now: datetime) -> None:
        """Adopt as desired what an administrator asked of systemd."""
        if state is UnitState.STOPPED:
            request = Request(SYSTEMCTL, now, outside=True)
            self._update(desired=DesiredState.STOPPED, request=request)
        elif state is UnitState.RUNNING:
            if not self.wanted:
                self._update(desired=DesiredState.RUNNING, request=None)
            if self.seen.gave_up:
                self._update(restarts=(), streak=0, gave_up=None)
            self._update(started_before=True)

    def _count_revivals(self, count: int, now: float) -> None:
        """Count the runs that a socket began after the unit ended: they use up the budget, too."""
        for _ in range(count):
            self._count_restart(now)
        if count:
            self._update(started_before=True, fault=None)

    def _count_restart(self, now: float) -> None:
        restarts = (*self.backoff.recent(self.seen.restarts, now), now)
        self._update(restarts=restarts, streak=self.seen.streak + 1)
        self.restarts_in_all += 1

    def take_over(
        self, status: UnitStatus, now: datetime, *, replaced: bool, reconfigured: bool = False
    ) -> None:
        """Take over a unit as an earlier supervisor, or an administrator, has left it."""
        self.take_status(status, now)
        active = status.state.active
        self._update(started_before=active, replaced=replaced, reconfigured=reconfigured)
        self.runs_since = status.since if status.state is UnitState.RUNNING else None

    def take_reading(self, reading: ProbeResult, now: float) -> None:
        """Count a probe result. NOT_READY and BUSY are no failures: the unit lives, and waits."""
        self._update(reading=reading)
        if reading.state is ProbeState.FAILED:
            failing_since = now if self.seen.failing_since is None else self.seen.failing_since
            self._update(failures=self.seen.failures + 1, failing_since=failing_since)
            return
        self._update(failures=0, failing_since=None)
        if reading.state is ProbeState.OK and self.seen.ready_since is None:
            self._update(ready_since=now)
        if self.seen.ready_since is not None and now - self.seen.ready_since >= STABLE_SECONDS:
            self._update(streak=0, gave_up=None)

    def take_request(self, desired: DesiredState, request: Request) -> None:
        """Remember what an operator asks for; the request restores the full budget of restarts."""
        started_before = self.seen.started_before and self.status.state.active
        self._update(desired=desired, request=request, started_before=started_before)
        self._update(restarts=(), streak=0, gave_up=None, fault=None)

    def keep_stopped(self, request: Request) -> None:
        """Remember a stop that an earlier supervisor was asked for."""
        self._update(desired=DesiredState.STOPPED, request=request)

    def take_start(self, action: Action, now: float) -> None:
        """Note a start: only a retry uses up the budget, and not a start on request."""
        self._update(started_before=True, fault=None, request=None)
        if self.seen.desired is DesiredState.RESTART:
            self._update(desired=DesiredState.RUNNING)
        if action is Action.RETRY:
            self._count_restart(now)

    def take_stop(self, decision: Decision) -> None:
        """Note why the supervisor stops the unit.

        The next start is a retry only if the unit failed: not if an operator asked for it, and
        not if it is the first one of a new program.
        """
        again = decision.action is Action.RESTART
        failing = decision.phase is Phase.FAILING
        fresh = self.seen.replaced or self.seen.reconfigured
        self._update(started_before=again and not fresh)
        self._update(fault=decision.facts.fault if failing else None)

    def take_giving_up(self, decision: Decision) -> None:
        """Leave the unit to the operator."""
        self._update(gave_up=decision.facts.given_up)

    def take_decision(self, decision: Decision, now: datetime) -> bool:
        """Remember the decision; return whether people would see a difference."""
        before = self.decision
        if before is NOT_OBSERVED or before.phase is not decision.phase:
            self.since = self._since_when(decision.phase, now)
        self.decision = decision
        return decision != before

    def _since_when(self, phase: Phase, now: datetime) -> datetime:
        """Return when a phase began that is seen to begin `now`.

        A unit that was taken over did not begin to serve when its new supervisor first asked it.
        """
        if phase is not Phase.READY or self.runs_since is None:
            return now
        since, self.runs_since = self.runs_since, None
        return since

    def observe(self, missing: tuple[str, ...]) -> Observation:
        """Return all facts as one value, for the decision."""
        self._update(missing=missing)
        return self.seen

    def view(self, lines: tuple[str, ...]) -> UnitView:
        """Return the unit as people see it."""
        stopped = None if self.wanted else self.seen.request
        return UnitView(
            name=self.unit.name,
            description=self.unit.description,
            phase=self.phase,
            since=self.since,
            reason=sentence(self.unit.name, self.decision),
            pid=self.status.pid,
            restarts=self.restarts_in_all,
            reading=self.seen.reading,
            lines=lines,
            cause=self.decision.cause,
            stopped_by=stopped.by if stopped else None,
            stopped_at=stopped.at if stopped else None,
        )

    def _forget_readings(self) -> None:
        self._update(reading=None, ready_since=None, failures=0, failing_since=None)

    def _update(self, **changes: object) -> None:
        self.seen = replace(self.seen, **changes)  # type: ignore[arg-type]
