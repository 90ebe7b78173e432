"""Have a copy at a target shown to restic, for the time that it is read.

Who reads it has the key and no network; who shows it has the network and no key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.operations.catalog import offsite
from appliance.operations.errors import OperationLostError
from appliance.operations.model import Facts, Progress
from appliance.operations.runner import OperationRunner


@dataclass(frozen=True, slots=True)
class _Begun:
    """Follows the operation: what it says first is that the copy can be read."""

    event: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, _: Progress) -> None:
        """Take note that it serves."""
        self.event.set()

    async def log(self, _: str) -> None:
        """Ignore the line: the journal has it."""


@asynccontextmanager
async def serving(
    runner: OperationRunner,
    number: int,
    *,
    folder: Path | None = None,
    patience: float | None = None,
) -> AsyncIterator[None]:
    """Show the copy of a target to restic while the block runs.

    The process that reads it finds its address by the number, with `copy_address`: the supervisor,
    which starts both processes, may not connect to it, and cannot read the address.

    With `folder`, show the copy in a folder for which there is no target: `number` is then only the
    operation that does it. Raises OperationBusyError while a copy is made or shown there, what
    the operation ends with, OperationError or OperationLostError, and OperationLostError when it
    does not serve within `patience` seconds.
    """
    request: Facts = {"work": "serve", "folder": None if folder is None else str(folder)}
    begun, shown = _Begun(), offsite(number)
    task = asyncio.create_task(
        runner.run(shown, request, begun), name=f"the copy of target {number} is shown"
    )
    said = asyncio.create_task(begun.event.wait(), name=f"wait for the copy of target {number}")
    try:
        either = {task, said}
        await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            # It ended instead of serving: it says why.
            await task
        if not said.done():
            raise OperationLostError(operation=shown.name, unit=shown.unit)
        yield
    finally:
        said.cancel()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            # A copy that was stopped ended as it should; what it ended with before was raised.
            task.exception()
