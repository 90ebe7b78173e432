"""Read a copy elsewhere through its gateway: who has the key has no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.offsite import serving as copies
from appliance.operations.runner import OperationRunner


@asynccontextmanager
async def serving(runner: OperationRunner, number: int) -> AsyncIterator[str]:
    """Lend the address at which restic reads the copy at a target, which is shown meanwhile.

    Number 0 is this machine's repository: its readers know where it is, and the address is empty.
    Raises OperationBusyError while a copy is being made there, OperationError where the target
    cannot be reached.
    """
    if number == 0:
        yield ""
        return
    async with copies.serving(runner, number) as address:
        yield address
