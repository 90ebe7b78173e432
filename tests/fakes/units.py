"""A supervisor that only says what a test tells it to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.change_feed import ChangeFeed
from appliance.supervisor.model import Phase, UnitView
from appliance.units.errors import UnitUnknownError
from tests.fakes.clock import START

READY = UnitView(
    name="postgres",
    description="Database (PostgreSQL)",
    phase=Phase.READY,
    since=START - timedelta(hours=3),
    reason="answers queries",
    pid=4711,
    restarts=0,
    reading=ProbeResult(ProbeState.OK, "answers queries", 0.002),
    lines=(),
)
UNITS = (
    READY,
    replace(READY, name="ollama", description="Model runner (Ollama)", pid=4712),
    replace(READY, name="ingest", description="Reads documents", pid=4713),
    replace(
        READY, name="webchat-1", description="Serves the chat, the library and the API", pid=4714
    ),
)


class FakeUnits:
    """Keeps the views that it was given; `wanted` is what was asked for, `asked_by` by whom."""

    def __init__(self, units: Iterable[UnitView] = UNITS) -> None:
        self._units = {unit.name: unit for unit in units}
        self._changes = ChangeFeed(self._units)
        self._logs: dict[str, list[str]] = {name: [] for name in self._units}
        self._followers: dict[str, list[asyncio.Queue[str]]] = {name: [] for name in self._units}
        self.wanted: list[tuple[str, str]] = []
        self.asked_by: list[str] = []

    def units(self) -> list[UnitView]:
        """Return every unit."""
        return list(self._units.values())

    @property
    def all_ready(self) -> bool:
        """Whether every unit serves."""
        return all(unit.phase.is_healthy for unit in self._units.values())

    def view(self, name: str) -> UnitView:
        """Return one unit."""
        self._check(name)
        return self._units[name]

    async def start(self, name: str, by: str) -> None:
        """Note the request."""
        self._request("start", name, by)

    async def stop(self, name: str, by: str) -> None:
        """Note the request."""
        self._request("stop", name, by)

    async def restart(self, name: str, by: str) -> None:
        """Note the request."""
        self._request("restart", name, by)

    def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of units that changed."""
        return self._changes.subscribe()

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines."""
        self._check(name)
        return tuple(self._logs[name][-count:])

    async def follow(self, name: str) -> AsyncIterator[str]:
        """Yield lines as they are written."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._followers[name].append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers[name].remove(queue)

    def add(self, unit: UnitView) -> None:
        """Have a further unit."""
        self._units[unit.name] = unit
        self._logs[unit.name], self._followers[unit.name] = [], []

    def change(
        self, name: str, phase: Phase, reason: str, *, stopped_by: str | None = None
    ) -> None:
        """Let a unit get into a state."""
        lines = tuple(self._logs[name][-20:])
        self._units[name] = replace(
            self.view(name), phase=phase, reason=reason, lines=lines, stopped_by=stopped_by
        )
        self._changes.publish(name)

    def write(self, name: str, *lines: str) -> None:
        """Let a unit write to its log."""
        self._logs[name] += lines
        for queue in self._followers[name]:
            for line in lines:
                queue.put_nowait(line)

    def followers(self, name: str) -> int:
        """Return how many streams follow a log."""
        return len(self._followers[name])

    def _request(self, verb: str, name: str, by: str) -> None:
        self._check(name)
        self.wanted.append((verb, name))
        self.asked_by.append(by)

    def _check(self, name: str) -> None:
        if name not in self._units:
            raise UnitUnknownError(unit=name)
