"""What the overview shows besides the units, gathered at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from admin.database_breaker import Breaker, Partial, load_partial
from appliance.library.model import QueueCounts
from appliance.llm.choice import Chosen
from appliance.llm.errors import ModelRunnerUnavailableError
from appliance.llm.model import InstalledModel, LoadedModel
from appliance.probes.disk import DiskProbe
from appliance.probes.memory import MemoryProbe
from appliance.probes.model import ProbeResult
from appliance.services import Services
from appliance.units.model import Absent

_RUNNER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Facts:
    """How the machine is at one moment; what could not be asked says why."""

    disk: ProbeResult
    memory: ProbeResult
    counts: Partial[QueueCounts]
    chosen: Partial[Chosen]
    models: Partial[list[InstalledModel]]
    loaded: Partial[list[LoadedModel]]


class Machine:
    """Asks everything that an overview needs, each question for itself."""

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

    async def facts(self) -> Facts:
        """Ask all at once."""
        disk, memory, counts, chosen, models, loaded = await asyncio.gather(
            self._disk.read(),
            self._memory.read(),
            load_partial(lambda: self._breaker.ask(self._queue.counts)),
            self.chosen(),
            self.models(),
            load_partial(self._loaded),
        )
        return Facts(disk, memory, counts, chosen, models, loaded)

    async def chosen(self) -> Partial[Chosen]:
        """Return which models are used, or that the database does not answer."""
        return await load_partial(lambda: self._breaker.ask(self._choice.chosen))

    async def models(self) -> Partial[list[InstalledModel]]:
        """Return which models are installed, or that the runner does not answer."""
        return await load_partial(self._models)

    async def _models(self) -> list[InstalledModel]:
        try:
            async with asyncio.timeout(_RUNNER_SECONDS):
                return await self._runner.models()
        except TimeoutError:
            raise _silent() from None

    async def _loaded(self) -> list[LoadedModel]:
        try:
            async with asyncio.timeout(_RUNNER_SECONDS):
                return await self._runner.loaded()
        except TimeoutError:
            raise _silent() from None


def _silent() -> ModelRunnerUnavailableError:
    return ModelRunnerUnavailableError(reason=f"no answer within {_RUNNER_SECONDS:g} s")
