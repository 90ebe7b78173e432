"""What the overview shows besides the services, gathered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from admin.database_breaker import Breaker, Partial, load_partial
from appliance.library.model import QueueCounts
from appliance.llm.choice import Chosen
from appliance.llm.model import InstalledModel, LoadedModel
from appliance.probes.disk import DiskProbe
from appliance.probes.memory import MemoryProbe
from appliance.probes.model import ProbeResult
from appliance.services import Services
from appliance.units.model import Absent

Value = TypeVar("Value")
_RUNNER_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """What the gauges show at one moment; what could not be asked says why."""

    disk: ProbeResult
    memory: ProbeResult
    counts: Partial[QueueCounts]
    loaded: Partial[list[LoadedModel]]


class Machine:
    """Asks everything that a page shows, each question for itself."""

    def __init__(
        self,
        home: Path,
        absent: tuple[Absent, ...],
        breaker: Breaker,
        services: Services,
    ) -> None:
        self.absent = absent
        self._disk = DiskProbe(home)
        self._memory = MemoryProbe()
        self._breaker = breaker
        self._queue = services.queue
        self._runner = services.runner
        self._choice = services.choice

    async def facts(self) -> OverviewFacts:
        """Ask all at once."""
        disk, memory, counts, loaded = await asyncio.gather(
            self._disk.read(),
            self._memory.read(),
            load_partial(lambda: self._breaker.ask(self._queue.counts)),
            load_partial(lambda: self._within_limit(self._runner.loaded())),
        )
        return OverviewFacts(disk, memory, counts, loaded)

    async def chosen(self) -> Partial[Chosen]:
        """Return which models are used, or that the database does not answer."""
        return await load_partial(lambda: self._breaker.ask(self._choice.chosen))

    async def models(self) -> Partial[list[InstalledModel]]:
        """Return which models are installed, or that the runner does not answer."""
        return await load_partial(lambda: self._within_limit(self._runner.models()))

    async def _within_limit(self, answer: Awaitable[Value]) -> Value:
        try:
            async with asyncio.timeout(_RUNNER_SECONDS):
                return await answer
        except TimeoutError:
            reason = f"no answer within {_RUNNER_SECONDS:g} s"
            raise await self._runner.unavailable(reason, timed_out=True) from None
