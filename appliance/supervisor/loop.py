"""Observe, decide, act: many times a minute, and at once when a unit changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from appliance.core.clock import Clock
from appliance.core.sd_notify import Notifier
from appliance.probes.stopped import read_unless_stopped
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.change_feed import ChangeFeed
from appliance.supervisor.decide import decide
from appliance.supervisor.dependencies import dependencies_of
from appliance.supervisor.desired_state import DesiredState, Request, StoppedUnits
from appliance.supervisor.lock import Lock
from appliance.supervisor.managed_unit import SHOWN_LINES, ManagedUnit
from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    Observation,
    Phase,
    UnitView,
)
from appliance.supervisor.stale_program import newest_change, runs_old_program
from appliance.supervisor.wording import sentence
from appliance.units.driver import UnitDriver
from appliance.units.errors import UnitUnknownError
from appliance.units.model import Unit, UnitState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be: seconds between two rounds, and between two probes of one unit."""

    backoff: Backoff = field(default_factory=Backoff)
    tick: float = 0.5
    resting: float = 5.0
    starting: float = 0.1
    failing: float = 2.0


class Supervisor:
    """Keeps the units in their desired states. Use it as a context manager.

    Entering takes the lock, ends what a killed supervisor left or takes it over, and begins to
    start the units; leaving stops them, those first that need or front others, unless the driver
    keeps them. systemd gets READY when the loop runs, and not when all units do: the console
    must be reachable when a unit is broken. A unit that was asked to stop stays stopped under the
    next supervisor, until the machine restarts.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        driver: UnitDriver,
        *,
        lock: Path,
        clock: Clock,
        notifier: Notifier,
        policy: Policy | None = None,
    ) -> None:
        self._driver = driver
        # Units that end with the supervisor are all wanted again at the next start.
        self._kept = StoppedUnits(lock.with_name("stopped.json")) if driver.keeps_units else None
        self._clock = clock
        self._notifier = notifier
        self._lock = Lock(lock)
        self._policy = policy or Policy()
        self._managed = {unit.name: self._manage(unit) for unit in units}
        self._dependencies = dependencies_of(units)
        self._changes = ChangeFeed(self._managed)
        self._tasks = asyncio.TaskGroup()
        self._watchers: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        # Another supervisor of this process follows at once: systemd need not know of this end.
        self.comes_back = False
        self._stopped = asyncio.Event()
        self.ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lock.take)
        try:
            for name in await self._driver.clean():
                logger.warning("ended %s, which an earlier supervisor had left running", name)
            stopped = await asyncio.to_thread(self._kept.read) if self._kept else {}
            for name, managed in self._managed.items():
                await self._take_over(managed, stopped.get(name))
        except BaseException:
            self._lock.release()
            raise
        await self._tasks.__aenter__()
        self._watch(self._run(), "supervisor")
        self._watch(self._watch_driver(), "changes of units")
        for managed in self._managed.values():
            self._watch(self._probe(managed), f"probe {managed.unit.name}")
        self._notifier.ready()
        return self

    async def __aexit__(self, *error: object) -> None:
        if not self.comes_back:
            self._notifier.stopping()
        try:
            if not self._driver.keeps_units:
                await self._stop_all()
        finally:
            for task in (*self._watchers, *self._actions()):
                task.cancel()
            try:
                await self._tasks.__aexit__(None, None, None)
            finally:
                self._lock.release()

    def _manage(self, unit: Unit) -> ManagedUnit:
        seen = Observation(unit, self._driver.status(unit.name))
        return ManagedUnit(seen, self._clock.now(), self._policy.backoff)

    async def _take_over(self, managed: ManagedUnit, stopped: Request | None) -> None:
        """Take a unit over as it is; one that already runs goes on.

        A stop that an earlier supervisor was asked for still holds, unless the unit was started
        after it.
        """
        status = self._driver.status(managed.unit.name)
        changed = await asyncio.to_thread(newest_change, managed.unit.program_files)
        replaced = runs_old_program(status, changed)
        reconfigured = runs_old_program(status, managed.unit.configured_at)
        now = self._clock.now()
        managed.take_over(status, now, replaced=replaced, reconfigured=reconfigured)
        runs = status.state is UnitState.RUNNING
        if runs:
            logger.info("took over %s, which runs since %s", managed.unit.name, status.since)
        if stopped and not (runs and status.since > stopped.at):
            managed.keep_stopped(stopped)

    async def _stop_all(self) -> None:
        """Let the loop stop the units; if it has failed itself, the driver kills them."""
        self._stopping = True
        self._wake.set()
        stopped = asyncio.create_task(self._stopped.wait(), name="all units stopped")
        try:
            await asyncio.wait({stopped, self._watchers[0]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()

    def _actions(self) -> list[asyncio.Task[None]]:
        """Return what is being done to units that the driver keeps: it goes on without us."""
        if not self._driver.keeps_units:
            return []
        return [managed.action for managed in self._managed.values() if managed.action]

    def units(self) -> list[UnitView]:
        """Return every unit, in the catalogue's order."""
        return [self.view(name) for name in self._managed]

    def view(self, name: str) -> UnitView:
        """Return one unit. Raises UnitUnknownError."""
        return self._find(name).view(self._driver.lines(name, SHOWN_LINES))

    @property
    def all_ready(self) -> bool:
        """Whether every unit that is wanted serves at this moment."""
        return all(managed.serves for managed in self._managed.values() if managed.wanted)

    async def start(self, name: str, by: str) -> None:
        """Want a unit to run, with a fresh budget of restarts. Raises UnitUnknownError."""
        self._request(name, DesiredState.RUNNING, by)

    async def stop(self, name: str, by: str) -> None:
        """Want a unit to be stopped until `start` or `restart`. Raises UnitUnknownError."""
        self._request(name, DesiredState.STOPPED, by)

    async def restart(self, name: str, by: str) -> None:
        """Want a unit to be stopped and started, or run once more. Raises UnitUnknownError."""
        self._request(name, DesiredState.RESTART, by)

    async def reload(self, name: str, by: str) -> None:
        """Let a unit that runs read its files again; its connections go on.

        Raises UnitUnknownError, and what the system says against it.
        """
        managed = self._find(name)
        logger.info("reload of %s, requested by %s", name, by)
        await self._driver.reload(managed.unit)

    def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of units that changed; the first time at once, with all names."""
        return self._changes.subscribe()

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines of a unit's log. Raises UnitUnknownError."""
        return self._driver.lines(name, count)

    def follow(self, name: str) -> AsyncIterator[str]:
        """Yield a unit's lines as they come, without end. Raises UnitUnknownError."""
        return self._driver.follow(name)

    def _find(self, name: str) -> ManagedUnit:
        if name not in self._managed:
            raise UnitUnknownError(unit=name)
        return self._managed[name]

    def _request(self, name: str, desired: DesiredState, by: str) -> None:
        self._find(name).take_request(desired, Request(by, self._clock.now()))
        logger.info("desired state of %s: %s, requested by %s", name, desired, by)
        self._wake.set()

    def _watch(self, work: Coroutine[None, None, None], name: str) -> None:
        self._watchers.append(self._tasks.create_task(work, name=name))

    async def _run(self) -> None:
        while True:
            self._reconcile()
            self._notifier.watchdog()
            if self._kept and not self._kept.are(stopped := self._stopped_units()):
                await asyncio.to_thread(self._kept.keep, stopped)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._policy.tick):
                    await self._wake.wait()
            self._wake.clear()

    def _stopped_units(self) -> dict[str, Request]:
        found = {name: managed.kept_stopped for name, managed in self._managed.items()}
        return {name: request for name, request in found.items() if request}

    async def _watch_driver(self) -> None:
        while True:
            await self._driver.changed()
            self._wake.set()

    async def _probe(self, managed: ManagedUnit) -> None:
        """Probe one unit again and again, at a pace that depends on its last answer."""
        name, probe = managed.unit.name, managed.unit.probe
        while probe is not None:
            status = self._driver.status(name)
            managed.take_status(status, self._clock.now())
            if status.state is UnitState.RUNNING:
                reading = await read_unless_stopped(probe, status.pid)
                # An answer of a process that has ended meanwhile says nothing about the next.
                if self._driver.status(name) is status:
                    managed.take_reading(reading, self._clock.monotonic())
                    self._wake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_after(managed)):
                    await managed.wake.wait()
            managed.wake.clear()

    def _pause_after(self, managed: ManagedUnit) -> float:
        if managed.status.state is not UnitState.RUNNING:
            return self._policy.resting
        if managed.serves:
            return managed.unit.probe_interval
        first = managed.seen.ready_since is None
        return self._policy.starting if first else self._policy.failing

    def _reconcile(self) -> None:
        """Observe every unit once. Nothing here waits: actions are tasks of their own."""
        now = self._clock.monotonic()
        for managed in self._managed.values():
            managed.take_status(self._driver.status(managed.unit.name), self._clock.now())
        for managed in self._managed.values():
            missing = tuple(n for n in managed.unit.needs if not self._managed[n].serves)
            decision = decide(managed.observe(missing), self._policy.backoff, now)
            if self._stopping:
                decision = self._decide_stopping(managed)
            if managed.take_decision(decision, self._clock.now()):
                self._changes.publish(managed.unit.name)
            if not managed.busy:
                self._act(managed, decision, now)
        self._publish_status()

    def _decide_stopping(self, managed: ManagedUnit) -> Decision:
        """Stop a unit when no unit uses it any more, and start none."""
        state = managed.status.state
        if state is UnitState.STARTING and managed.action:
            managed.action.cancel()
        if not state.active and not managed.busy:
            return Decision(Action.WAIT, Phase.STOPPED, Cause.APPLIANCE_STOPS)
        if users := self._users_of(managed):
            facts = Facts(units=users)
            return Decision(Action.WAIT, Phase.STOPPING, Cause.USERS_STILL_RUN, facts)
        action = Action.STOP if state is UnitState.RUNNING else Action.WAIT
        return Decision(action, Phase.STOPPING, Cause.APPLIANCE_STOPS)

    def _users_of(self, managed: ManagedUnit) -> tuple[str, ...]:
        """Return the units that still run and depend on this one, also through others."""
        name, units = managed.unit.name, self._managed.values()
        users = [each for each in units if name in self._dependencies[each.unit.name]]
        return tuple(user.unit.name for user in users if user.busy or user.status.state.active)

    def _act(self, managed: ManagedUnit, decision: Decision, now: float) -> None:
        """Carry a decision out in a task of its own, after which the next round comes at once."""
        work = self._work_for(managed, decision, now)
        if work is None:
            return
        words = sentence(managed.unit.name, decision)
        if decision.action is Action.GIVE_UP:
            lines = "\n".join(self._driver.lines(managed.unit.name, SHOWN_LINES))
            logger.error("%s: %s; its last lines:\n%s", managed.unit.name, words, lines)
        else:
            logger.info("%s", words)
        managed.action = self._tasks.create_task(work, name=words)
        managed.action.add_done_callback(lambda _: self._wake.set())

    def _work_for(
        self, managed: ManagedUnit, decision: Decision, now: float
    ) -> Coroutine[None, None, None] | None:
        """Note what is about to be done, and return the driver's work."""
        match decision.action:
            case Action.WAIT:
                return None
            case Action.GIVE_UP:
                managed.take_giving_up(decision)
                # It is stopped, so that systemd closes its sockets: a visitor would start it again.
                return self._driver.stop(managed.unit)
            case Action.STOP | Action.RESTART:
                managed.take_stop(decision)
                again = decision.action is Action.RESTART
                hung = decision.cause is Cause.STOPPED_ANSWERING
                return self._driver.stop(managed.unit, again=again, hung=hung)
            case Action.START | Action.RETRY:
                managed.take_start(decision.action, now)
                return self._driver.start(managed.unit)

    def _publish_status(self) -> None:
        """Set the events that depend on all units."""
        units = self._managed.values()
        idle = not any(managed.busy or managed.status.state.active for managed in units)
        if self._stopping and idle:
            self._stopped.set()
        if self.all_ready and not self._stopping:
            self.ready.set()
