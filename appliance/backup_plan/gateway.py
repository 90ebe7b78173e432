"""Read a copy elsewhere through its gateway: who has the key has no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.core.settings import Settings
from appliance.operations.catalog import offsite
from appliance.operations.model import Progress
from appliance.operations.runner import OperationRunner

_READY_WITHIN = 60.0
_ENDS_WITHIN = 20.0


@dataclass(slots=True)
class _Serving:
    """Knows when the gateway says that it serves."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, _: Progress) -> None:
        self.ready.set()

    async def log(self, _: str) -> None:
        """Ignore the line."""


def gateway_address(settings: Settings, number: int) -> str:
    """Return the address at which restic reads the copy at a target, while its gateway serves."""
    folder = settings.run / "offsite"
    try:
        return (folder / f"{number}.address").read_text().strip()
    except OSError:
        return f"rest:http+unix://{folder / f'{number}.sock'}:/"


@asynccontextmanager
async def serving(runner: OperationRunner, number: int) -> AsyncIterator[None]:
    """Serve the copy at a target while the block runs; number 0 is this machine's repository.

    Raises OperationBusyError while a copy is being made there, OperationError where the target
    cannot be reached.
    """
    if number == 0:
        yield
        return
    operation, serves = offsite(number), _Serving()
    task = asyncio.create_task(
        runner.run(operation, {"work": "serve"}, serves), name=f"gateway to target {number}"
    )
    ready = asyncio.create_task(serves.ready.wait(), name="wait for the gateway")
    try:
        await asyncio.wait(
            {task, ready}, timeout=_READY_WITHIN, return_when=asyncio.FIRST_COMPLETED
        )
        if task.done():
            await task
        yield
    finally:
        ready.cancel()
        task.cancel()
        await asyncio.wait({task}, timeout=_ENDS_WITHIN)
        if task.done() and not task.cancelled():
            # It was looked at above, or it was stopped by us.
            task.exception()
