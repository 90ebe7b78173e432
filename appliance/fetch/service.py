"""Fetch a model: a runner of its own pulls it beside the served ones, then it is moved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.fetch import result
from appliance.fetch.errors import FetchFailedError, FetchStoppedError, RunnerFailedError
from appliance.fetch.names import ModelName
from appliance.fetch.pull import DEFAULT_PATIENCE, Patience, Pull, Say
from appliance.fetch.result import FetchResult
from appliance.fetch.runner import TemporaryRunner
from appliance.fetch.staging import Staging
from appliance.llm.runner_errors import ModelRunnerUnavailableError


@dataclass(frozen=True, slots=True)
class Fetching:
    """What the unit that may go online does; its whole network belongs to the runner it starts."""

    settings: Settings
    clock: Clock
    runner: TemporaryRunner
    say: Say
    patience: Patience = DEFAULT_PATIENCE

    async def fetch_and_report(self, name: ModelName) -> None:
        """Fetch a model, and write how that ended into its result file.

        Raises as `fetch` does, and FetchStoppedError when it is cancelled.
        """
        file = result.result_file(self.settings.models, name)
        await asyncio.to_thread(result.reserve, file)
        error: ApplianceError | None = None
        try:
            await self.fetch(name)
        except asyncio.CancelledError:
            error = FetchStoppedError(model=name)
        except ApplianceError as raised:
            error = raised
        await asyncio.to_thread(result.write, file, FetchResult.of(error))
        if error:
            raise error

    async def fetch(self, name: ModelName) -> None:
        """Fetch a model, or go on fetching it. On return the serving runner has it.

        Raises the errors of `appliance.fetch.errors`. Cancelled, it leaves no program behind.
        """
        staging = Staging(self.settings.models, name)
        try:
            await asyncio.to_thread(staging.prepare)
            await self._pull(name, staging)
            self.say("Moving it to the models that are served …")
            await asyncio.to_thread(staging.publish)
        except OSError as error:
            reason = f"{error.strerror} ({error.filename})."
            raise FetchFailedError(model=name, reason=reason) from error

    async def _pull(self, name: ModelName, staging: Staging) -> None:
        async with self.runner.serving(staging.folder) as runner:
            pull = Pull(runner, name, clock=self.clock, say=self.say, patience=self.patience)
            try:
                await pull.run()
            except ModelRunnerUnavailableError as error:
                raise RunnerFailedError(reason="it ended in the middle of the download.") from error
