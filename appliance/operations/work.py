"""The side that works: takes the request, says how far it is, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.core.signals import on_signals
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Outcome, Progress, Result

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 0.5


@dataclass(slots=True)
class Reporter:
    """Writes how far an operation is, at most twice a second, and its log."""

    folder: OperationFolder
    clock: Clock
    _written_at: float = field(default=float("-inf"))
    _sentence: str = ""

    def progress(self, progress: Progress) -> None:
        """Say how far it is; a new sentence is said at once, and goes to the log as well."""
        if progress.sentence == self._sentence:
            self.update(progress)
            return
        self._sentence = progress.sentence
        self.log(progress.sentence)
        self._say(progress)

    def update(self, progress: Progress) -> None:
        """Say how far the same step is, in a sentence with numbers that the log does not get."""
        if self.clock.monotonic() - self._written_at >= _EVERY_SECONDS:
            self._say(progress)

    def _say(self, progress: Progress) -> None:
        self._written_at = self.clock.monotonic()
        self.folder.say(progress)

    def log(self, line: str) -> None:
        """Add a line to the log of the job, and to that of the process."""
        logger.info("%s", line)
        self.folder.log(line)


Work = Callable[[Facts, Reporter], Awaitable[Facts]]
"""Carries out a request and returns what it found."""


async def carry_out(folder: OperationFolder, work: Work, clock: Clock) -> bool:
    """Carry out the request in `folder`; return whether it succeeded.

    SIGTERM and Ctrl-C cancel the work. Its end is written into the folder in every case.
    """
    task = asyncio.ensure_future(_result_of(work, folder, clock))
    on_signals((signal.SIGTERM, signal.SIGINT), task.cancel)
    try:
        result = await task
    except asyncio.CancelledError:
        result = Result(Outcome.CANCELLED)
    await asyncio.to_thread(folder.end, result)
    return result.outcome is Outcome.DONE


async def _result_of(work: Work, folder: OperationFolder, clock: Clock) -> Result:
    request = await asyncio.to_thread(folder.take_request)
    try:
        return Result(Outcome.DONE, await work(request, Reporter(folder, clock)))
    except ApplianceError as error:
        return failure(error)
    except Exception:
        logger.exception("an operation failed")
        return failure(ApplianceError())


def failure(error: ApplianceError) -> Result:
    """Return the result of an operation that ended with this error."""
    words = error.words_for(Audience.OPERATOR)
    return Result(
        Outcome.FAILED,
        code=error.code,
        facts=error.facts,
        message=words.sentence,
        hint=words.hint,
    )
