"""Wait until the next start of the database has put the other state in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from appliance.core.clock import Clock
from appliance.operations.model import Facts
from appliance.units.exchange import EXCHANGE_SECONDS, RestoreState

AskStatus = Callable[[], Awaitable[Facts]]
_POLL_SECONDS = 1.0


async def until_exchanged(ask_status: AskStatus, clock: Clock) -> Facts:
    """Return the state after the exchange, or as it is when that has taken too long.

    `ask_status` carries out the work `status`, which also removes a restored state that was undone.
    """
    deadline = clock.monotonic() + EXCHANGE_SECONDS
    while True:
        found = await ask_status()
        is_over = clock.monotonic() > deadline
        if RestoreState(str(found["state"])) is not RestoreState.READY or is_over:
            return found
        await clock.sleep(_POLL_SECONDS)
