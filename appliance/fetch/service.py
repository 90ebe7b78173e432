"""Fetch a model: a runner of its own pulls it beside the served ones, then it is moved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.fetch.errors import FetchFailedError, RunnerFailedError
from appliance.fetch.names import ModelName
from appliance.fetch.pull import DEFAULT_PATIENCE, Patience, Pull, Say
from appliance.fetch.runner import TemporaryRunner
from appliance.fetch.staging import Incoming
from appliance.llm.runner_errors import ModelRunnerUnavailableError


@dataclass(frozen=True, slots=True)
class Fetching:
    """What the unit that may go online does; its whole network belongs to the runner it starts."""

    settings: Settings
    clock: Clock
    runner: TemporaryRunner
    say: Say
    patience: Patience = DEFAULT_PATIENCE

    async def fetch(self, name: ModelName) -> None:
        """Fetch a model, or go on fetching it. On return the serving runner has it.

        Raises the errors of `appliance.fetch.errors`. Cancelled, it leaves no program behind.
        """
        incoming = Incoming(self.settings.models, name)
        try:
            await asyncio.to_thread(incoming.prepare)
            await self._pull(name, incoming)
            self.say("Moving it to the models that are served …")
            await asyncio.to_thread(incoming.settle)
        except OSError as error:
            reason = f"{error.strerror} ({error.filename})."
            raise FetchFailedError(model=name, reason=reason) from error

    async def _pull(self, name: ModelName, incoming: Incoming) -> None:
        async with self.runner.serving(incoming.folder) as runner:
            pull = Pull(runner, name, clock=self.clock, say=self.say, patience=self.patience)
            try:
                await pull.run()
            except ModelRunnerUnavailableError as error:
                raise RunnerFailedError(reason="it ended in the middle of the download.") from error
