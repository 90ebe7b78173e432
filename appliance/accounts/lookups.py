"""Look up few identities at once, so that a crowd waits here and not for database connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from appliance.core.errors import DatabaseBusyError, DatabaseUnavailableError

# Half of the connections of a chat server: the pages of people who are known need the others.
AT_ONCE = 6
Found = TypeVar("Found")


class Lookups:
    """Asks the database whose a session or a key is, in the order of arrival.

    A request that waited while the database turned out to be gone fails at once, instead of trying
    by itself after all others.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._failed_at = float("-inf")

    async def ask(self, question: Callable[[], Awaitable[Found]]) -> Found:
        """Return the answer to a question. Raises DatabaseUnavailableError."""
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        async with self._slots:
            if self._failed_at > arrived:
                raise DatabaseUnavailableError
            try:
                return await question()
            except DatabaseBusyError:
                raise
            except DatabaseUnavailableError:
                self._failed_at = loop.time()
                raise
