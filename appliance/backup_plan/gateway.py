"""Read a copy elsewhere through its gateway: who has the key has no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.offsite import serving as copies
from appliance.operations.runner import OperationRunner

# Each of the first calls to a target has a deadline of its own, of a minute.
_SERVES_WITHIN = 240.0


@asynccontextmanager
async def serving(runner: OperationRunner, number: int) -> AsyncIterator[None]:
    """Show the copy at a target to the operation that reads it, while the block runs.

    Number 0 is this machine's repository, which needs no gateway. Raises OperationBusyError while a
    copy is being made there, OperationError where the target cannot be reached, and
    OperationLostError where its process says nothing.
    """
    if number == 0:
        yield
        return
    async with copies.serving(runner, number, patience=_SERVES_WITHIN):
        yield
