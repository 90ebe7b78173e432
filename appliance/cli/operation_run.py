"""Carry out an operation from the command line, with or without a running supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.cli.context import Context
from appliance.cli.output import Output
from appliance.core.files import private_directory
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationLostError
from appliance.operations.model import Facts, Operation, Progress
from appliance.operations.runner import OperationRunner
from appliance.operations.systemd import SystemctlOperations

_SERVES_WITHIN = 60.0


@dataclass(slots=True)
class _Printed:
    """Prints what an operation says; a terminal shows how far it is."""

    output: Output
    _sentence: str = field(default="")

    async def progress(self, progress: Progress) -> None:
        """Show how far it is, unless the log says the same."""
        if progress.sentence != self._sentence:
            self._sentence = progress.sentence
            self.output.progress(progress.sentence)

    async def log(self, line: str) -> None:
        """Print a line of its log."""
        if line != self._sentence:
            self._sentence = line
            self.output.say(line)


async def run_operation(context: Context, operation: Operation, request: Facts) -> Facts:
    """Carry out an operation, print what it says, and return what it found.

    Raises OperationError, OperationLostError and OperationCancelledError.
    """
    return await _runner(context).run(operation, request, _Printed(context.output))


@asynccontextmanager
async def serving(context: Context, operation: Operation, request: Facts) -> AsyncIterator[None]:
    """Let an operation that serves others run while the block runs.

    Raises OperationError when it ends before the block does.
    """
    speaks = _Speaks()
    work = asyncio.ensure_future(_runner(context).run(operation, request, speaks))
    spoken = asyncio.ensure_future(speaks.event.wait())
    try:
        ready = {work, spoken}
        await asyncio.wait(ready, timeout=_SERVES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
        if not spoken.done():
            raise OperationLostError(operation=operation.name, unit=operation.unit)
        yield
    finally:
        # Cancelled, the runner ends the operation.
        for task in (work, spoken):
            task.cancel()
        await asyncio.wait({work, spoken})


@dataclass(slots=True)
class _Speaks:
    """Knows when an operation says that it serves."""

    event: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, _: Progress) -> None:
        """The first that it says is that."""
        self.event.set()

    async def log(self, _: str) -> None:
        """Ignore the line."""


def _runner(context: Context) -> OperationRunner:
    settings = context.settings
    if settings.packaged:
        starter = SystemctlOperations()
        return OperationRunner(settings.operations, starter, context.clock)
    for folder in (settings.home, settings.run, settings.logs):
        private_directory(folder)
    return OperationRunner(settings.operations, ChildOperations(settings), context.clock)
