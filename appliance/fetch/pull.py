"""Have a model runner pull a model, and ask it again when the download stalls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.fetch.errors import StalledError, error_from_reason
from appliance.fetch.names import ModelName, printable
from appliance.fetch.progress import Progress
from appliance.llm.client import ModelRunner
from appliance.llm.errors import AnswerCutOffError, ModelFailedError
from appliance.llm.model import PullReport, Timeouts

Say = Callable[[str], None]
# Checking the sum of a large model is silent for minutes.
PULL_TIMEOUTS = Timeouts(load=3600.0, token=3600.0)
_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Stall timeout in seconds, and the number of attempts without progress."""

    seconds: float = 60.0
    attempts: int = 5


DEFAULT_PATIENCE = Patience()


class _Stalled(Exception):  # noqa: N818 - no error yet: it is tried again
    """No byte arrived for too long."""


class Pull:
    """One model, one runner. A runner that is asked again goes on where it was."""

    def __init__(
        self,
        runner: ModelRunner,
        name: ModelName,
        *,
        clock: Clock,
        say: Say,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._runner = runner
        self._name = name
        self._clock = clock
        self._say = say
        self._patience = patience
        self._arrived: dict[str, int] = {}
        self._progress = Progress()

    async def run(self) -> None:
        """Return when the runner says that it has the whole model.

        Raises the errors of `appliance.fetch.errors`, and ModelRunnerUnavailableError.
        """
        stalls = 0
        while stalls < self._patience.attempts:
            before = sum(self._arrived.values())
            try:
                await self._attempt()
            except (_Stalled, AnswerCutOffError):
                gained = sum(self._arrived.values()) > before
                stalls = 1 if gained else stalls + 1
                self._say("Nothing arrives any more; asking again …")
                await self._clock.sleep(_PAUSE)
            except ModelFailedError as error:
                reason = printable(str(error.facts["reason"]))
                raise error_from_reason(str(self._name), reason) from error
            else:
                return
        raise StalledError(model=str(self._name), attempts=stalls)

    async def _attempt(self) -> None:
        """Follow one answer to its end; only the word "success" is one."""
        moved_at = self._clock.monotonic()
        async with aclosing(self._runner.pull(str(self._name))) as reports:
            async for report in reports:
                if line := self._progress.line(report):
                    self._say(line)
                if self._got_further(report):
                    moved_at = self._clock.monotonic()
                elif self._clock.monotonic() - moved_at > self._patience.seconds:
                    raise _Stalled

    def _got_further(self, report: PullReport) -> bool:
        """Whether this report is news: the runner repeats itself while it waits for bytes."""
        if not report.total:
            return True
        if report.completed <= self._arrived.get(report.digest, -1):
            return False
        self._arrived[report.digest] = report.completed
        return True
