"""Observe, decide, act: many times a minute, and at once when a unit changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from appliance.core.clock import Clock
from appliance.core.sd_notify import Notifier
from appliance.supervisor.adoption import newest_change, runs_old_program
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.changes import Changes
from appliance.supervisor.decide import decide
from appliance.supervisor.lock import Lock
from appliance.supervisor.model import Action, Decision, Phase, UnitView, Wish
from appliance.supervisor.order import relied_on
from appliance.supervisor.tracking import SHOWN_LINES, Tracked
from appliance.supervisor.wishes import Wishes
from appliance.units.driver import UnitDriver
from appliance.units.errors import UnitUnknownError
from appliance.units.model import Kind, Unit, UnitState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient to be: seconds between looks at all units, and between readings of one unit."""

    backoff: Backoff = field(default_factory=Backoff)
    tick: float = 0.5
    resting: float = 5.0
    starting: float = 0.1
    failing: float = 2.0


class Supervisor:
    """Keeps the units as the operator wants them. Use it as a context manager.

    Entering takes the lock, ends what a killed supervisor left or takes it over, and begins to
    start the units; leaving stops them, those first that need or front others, unless the driver
    keeps them. systemd hears READY when the loop runs, and not when all units do: the console
    must be reachable when a unit is broken. What an operator stopped stays down although this
    supervisor is a new one, unless the machine is new as well.
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
        # Units that end with us are all wanted again at the next start.
        self._wishes = Wishes(lock.with_name("wishes.json")) if driver.keeps_units else None
        self._clock = clock
        self._notifier = notifier
        self._lock = Lock(lock)
        self._policy = policy or Policy()
        self._tracked = {
            unit.name: Tracked(unit, driver.status(unit.name), clock.now()) for unit in units
        }
        self._relied_on = relied_on(units)
        self._changes = Changes(self._tracked)
        self._tasks = asyncio.TaskGroup()
        self._watchers: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()
        self.ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._lock.take)
        try:
            for name in await self._driver.clean():
                logger.warning("ended %s, which an earlier supervisor had left running", name)
            wished = await asyncio.to_thread(self._wishes.read) if self._wishes else {}
            for name, tracked in self._tracked.items():
                await self._adopt(tracked, wished.get(name))
        except BaseException:
            self._lock.release()
            raise
        await self._tasks.__aenter__()
        self._watch(self._look_again_and_again(), "supervisor")
        self._watch(self._hear_changes(), "changes of units")
        for tracked in self._tracked.values():
            self._watch(self._probe(tracked), f"probe {tracked.unit.name}")
        self._notifier.ready()
        return self

    async def __aexit__(self, *error: object) -> None:
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

    async def _adopt(self, tracked: Tracked, unwanted_since: datetime | None) -> None:
        """Take a unit over as it is; one that already runs goes on.

        What was not wanted stays unwanted, unless somebody started it while no supervisor was
        there to hear of it.
        """
        status = self._driver.status(tracked.unit.name)
        changed = await asyncio.to_thread(newest_change, tracked.unit.program_files)
        tracked.adopt(status, replaced=runs_old_program(status, changed))
        if status.state is UnitState.RUNNING:
            logger.info("took over %s, which runs since %s", tracked.unit.name, status.since)
        if unwanted_since and not (
            status.state is UnitState.RUNNING and status.since > unwanted_since
        ):
            tracked.wish = Wish.DOWN

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
        return [tracked.action for tracked in self._tracked.values() if tracked.action]

    def units(self) -> list[UnitView]:
        """Return every unit, in the catalogue's order."""
        return [self.view(name) for name in self._tracked]

    def view(self, name: str) -> UnitView:
        """Return one unit. Raises UnitUnknownError."""
        return self._find(name).view(self._driver.lines(name, SHOWN_LINES))

    @property
    def all_ready(self) -> bool:
        """Whether every unit that is wanted serves at this moment."""
        return all(tracked.serves for tracked in self._tracked.values() if tracked.wanted)

    async def start(self, name: str) -> None:
        """Want a unit, with a fresh budget of restarts. Raises UnitUnknownError."""
        self._want(name, Wish.UP)

    async def stop(self, name: str) -> None:
        """Want a unit to be down until `start` or `restart`. Raises UnitUnknownError."""
        self._want(name, Wish.DOWN)

    async def restart(self, name: str) -> None:
        """Want a unit to be stopped and started, or run once more. Raises UnitUnknownError."""
        self._want(name, Wish.AGAIN)

    def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of units that changed; the first time at once, with all names."""
        return self._changes.listen()

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines of a unit's log. Raises UnitUnknownError."""
        return self._driver.lines(name, count)

    def follow(self, name: str) -> AsyncIterator[str]:
        """Yield a unit's lines as they come, without end. Raises UnitUnknownError."""
        return self._driver.follow(name)

    def _find(self, name: str) -> Tracked:
        if name not in self._tracked:
            raise UnitUnknownError(unit=name, what="unit")
        return self._tracked[name]

    def _want(self, name: str, wish: Wish) -> None:
        self._find(name).take_wish(wish)
        logger.info("the operator wants %s %s", name, wish)
        self._wake.set()

    def _watch(self, work: Coroutine[None, None, None], name: str) -> None:
        self._watchers.append(self._tasks.create_task(work, name=name))

    async def _look_again_and_again(self) -> None:
        while True:
            self._look()
            self._notifier.watchdog()
            if self._wishes and not self._wishes.are(unwanted := self._unwanted()):
                await asyncio.to_thread(self._wishes.keep, unwanted, self._clock.now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._policy.tick):
                    await self._wake.wait()
            self._wake.clear()

    def _unwanted(self) -> list[str]:
        """Return what an operator stopped; a oneshot does its work at every start."""
        return [
            name
            for name, tracked in self._tracked.items()
            if tracked.wish is Wish.DOWN and tracked.unit.kind is Kind.SERVICE
        ]

    async def _hear_changes(self) -> None:
        while True:
            await self._driver.changed()
            self._wake.set()

    async def _probe(self, tracked: Tracked) -> None:
        """Ask one unit again and again, at a pace that depends on its last answer."""
        name, probe = tracked.unit.name, tracked.unit.probe
        while probe is not None:
            status = self._driver.status(name)
            tracked.take_status(status)
            if status.state is UnitState.RUNNING:
                reading = await probe.read()
                # An answer of a process that has ended meanwhile says nothing about the next.
                if self._driver.status(name) is status:
                    tracked.take_reading(reading, self._clock.monotonic())
                    self._wake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_after(tracked)):
                    await tracked.poke.wait()
            tracked.poke.clear()

    def _pause_after(self, tracked: Tracked) -> float:
        if tracked.status.state is not UnitState.RUNNING:
            return self._policy.resting
        if tracked.serves:
            return tracked.unit.probe_interval
        return self._policy.starting if tracked.ready_since is None else self._policy.failing

    def _look(self) -> None:
        """Look at every unit once. Nothing here waits: actions are tasks of their own."""
        now = self._clock.monotonic()
        for tracked in self._tracked.values():
            tracked.take_status(self._driver.status(tracked.unit.name))
        for tracked in self._tracked.values():
            missing = tuple(n for n in tracked.unit.needs if not self._tracked[n].serves)
            decision = decide(tracked.observation(missing), self._policy.backoff, now)
            if self._stopping:
                decision = self._decide_stopping(tracked)
            self._note(tracked, decision)
            if not tracked.busy:
                self._act(tracked, decision, now)
        self._say_how_it_stands()

    def _decide_stopping(self, tracked: Tracked) -> Decision:
        """Stop a unit when nobody uses it any more, and start none."""
        state = tracked.status.state
        if state is UnitState.STARTING and tracked.action:
            tracked.action.cancel()
        if not state.active and not tracked.busy:
            return Decision(Action.WAIT, Phase.STOPPED, "Cloister stops")
        users = self._users_of(tracked)
        if users or state is not UnitState.RUNNING:
            waits = f"waits until {users[0]} has stopped" if users else "Cloister stops"
            return Decision(Action.WAIT, Phase.STOPPING, waits)
        reason = f"stop {tracked.unit.name}: Cloister stops"
        return Decision(Action.STOP, Phase.STOPPING, reason)

    def _users_of(self, tracked: Tracked) -> list[str]:
        """Return the units that still run and rely on this one, also through others."""
        name = tracked.unit.name
        relying = [t for t in self._tracked.values() if name in self._relied_on[t.unit.name]]
        return [t.unit.name for t in relying if t.busy or t.status.state.active]

    def _note(self, tracked: Tracked, decision: Decision) -> None:
        """Remember the decision; log what is done, and tell listeners what they would see."""
        before = tracked.decision
        if before is None or before.phase is not decision.phase:
            tracked.since = tracked.since_when(decision.phase, self._clock.now())
        tracked.decision = decision
        if decision != before:
            self._changes.publish(tracked.unit.name)

    def _act(self, tracked: Tracked, decision: Decision, now: float) -> None:
        if decision.action is not Action.WAIT:
            logger.info("%s", decision.reason)
        match decision.action:
            case Action.WAIT:
                pass
            case Action.GIVE_UP:
                self._give_up(tracked, decision.reason)
            case Action.STOP | Action.RESTART:
                # A start that the operator asks for afterwards is a first one, not a retry, and
                # so is that of a new program.
                again = decision.action is Action.RESTART
                tracked.started_before = again and not tracked.replaced
                if decision.phase is Phase.FAILING:
                    tracked.fault = decision.reason.partition(": ")[2]
                stop = self._driver.stop(tracked.unit, again=again)
                self._begin(tracked, stop, decision.reason)
            case Action.START | Action.RETRY:
                self._count(tracked, decision.action, now)
                self._begin(tracked, self._driver.start(tracked.unit), decision.reason)

    def _begin(self, tracked: Tracked, work: Coroutine[None, None, None], name: str) -> None:
        """Let the driver work in a task of its own, and look again when it has finished."""
        tracked.action = self._tasks.create_task(work, name=name)
        tracked.action.add_done_callback(lambda _: self._wake.set())

    def _give_up(self, tracked: Tracked, reason: str) -> None:
        """Leave the unit to the operator, with its last lines as evidence in our own log.

        It is stopped as well, so that systemd closes its sockets: a visitor would start it again.
        """
        tracked.gave_up = reason
        self._begin(tracked, self._driver.stop(tracked.unit), reason)
        lines = "\n".join(self._driver.lines(tracked.unit.name, SHOWN_LINES))
        logger.error("%s: %s; its last lines:\n%s", tracked.unit.name, reason, lines)

    def _count(self, tracked: Tracked, action: Action, now: float) -> None:
        """Count a start: only one that nobody asked for uses up the budget."""
        tracked.started_before, tracked.fault = True, None
        if tracked.wish is Wish.AGAIN:
            tracked.wish = Wish.UP
        if action is Action.RETRY:
            tracked.restarts = (*self._policy.backoff.recent(tracked.restarts, now), now)
            tracked.restarts_in_all += 1
            tracked.streak += 1

    def _say_how_it_stands(self) -> None:
        idle = not any(t.busy or t.status.state.active for t in self._tracked.values())
        if self._stopping and idle:
            self._stopped.set()
        if self.all_ready and not self._stopping:
            self.ready.set()
