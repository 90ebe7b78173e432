"""Ask an operation for something that is over in a moment, while a person waits."""

from __future__ import annotations

import asyncio

from appliance.operations.model import Facts, Operation
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.repository.errors import RepositoryBusyError

# A person waits for the answer; a repository that is locked for longer is being pruned.
PATIENCE_SECONDS = 90.0


async def ask(
    operations: OperationRunner,
    operation: Operation,
    request: Facts,
    *,
    patience: float = PATIENCE_SECONDS,
) -> Facts:
    """Return what an operation finds. Raises RepositoryBusyError when it takes too long.

    Raises as well what `OperationRunner.run` raises.
    """
    try:
        async with asyncio.timeout(patience):
            return await operations.run(operation, request, NoFollower())
    except TimeoutError as error:
        raise RepositoryBusyError from error
