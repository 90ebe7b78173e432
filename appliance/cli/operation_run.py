"""Carry out an operation from the command line, with or without a running supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.cli.context import Context
from appliance.cli.output import Output
from appliance.core.files import private_directory
from appliance.offsite.serving import serving
from appliance.operations.child import ChildOperations
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
async def showing(context: Context, number: int, folder: Path | None = None) -> AsyncIterator[None]:
    """Show restic the copy at a target, or in a folder, while the block runs.

    Raises what `appliance.offsite.serving.serving` raises.
    """
    runner = _runner(context)
    async with serving(runner, number, folder=folder, patience=_SERVES_WITHIN):
        yield


def _runner(context: Context) -> OperationRunner:
    settings = context.settings
    if settings.packaged:
        starter = SystemctlOperations()
        return OperationRunner(settings.operations, starter, context.clock)
    for folder in (settings.home, settings.run, settings.logs):
        private_directory(folder)
    return OperationRunner(settings.operations, ChildOperations(settings), context.clock)
