"""Read a copy elsewhere through its gateway: who has the key has no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.core.settings import Settings
from appliance.offsite import serving as copies
from appliance.operations.runner import OperationRunner


def gateway_address(settings: Settings, number: int) -> str:
    """Return the address at which restic reads the copy at a target, while its gateway serves."""
    folder = settings.run / "offsite"
    try:
        return copies.address_file(settings.run, number).read_text().strip()
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
    async with copies.serving(runner, number):
        yield
