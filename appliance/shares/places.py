"""How many questions of one account may wait, over all chat servers together."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

import psycopg

from appliance.shares.errors import TooManyOfYoursWaitingError
from appliance.shares.model import Limit
from appliance.shares.store import PlaceLocks

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 5
GiveBack = Callable[[], None]


class QuestionPlaces:
    """Lends places to the questions of an account; a place is held until the question's answer.

    A chat server lends by itself what the account may have running there and one place more, which
    costs nothing. The rest of what may wait is lent by PostgreSQL, for all chat servers together.
    A chat server that ends, however it ends, gives its places back.
    """

    def __init__(self, locks: PlaceLocks, limit: Limit, processes: int) -> None:
        self._locks = locks
        self._waiting_of_one = limit.waiting_of_one
        is_alone = processes == 1
        self._own = limit.of_one + (limit.waiting_of_one if is_alone else 1)
        self._shared = 0 if is_alone else max(0, limit.waiting_of_one - processes)
        self._lent: defaultdict[UUID, int] = defaultdict(int)
        self._releases: set[asyncio.Task[None]] = set()

    async def take(self, account_id: UUID) -> GiveBack:
        """Return the function that gives the place back; calling it twice does nothing.

        Raises TooManyOfYoursWaitingError, and DatabaseUnavailableError where a place that all chat
        servers share is needed.
        """
        if self._lent[account_id] < self._own:
            self._lent[account_id] += 1
            return _once(lambda: self._give_own_back(account_id))
        number = await self._locks.take(account_id, self._shared) if self._shared else None
        if number is None:
            raise TooManyOfYoursWaitingError(limit=self._waiting_of_one, seconds=_RETRY_SECONDS)
        return _once(lambda: self._give_shared_back(account_id, number))

    async def aclose(self) -> None:
        """Give every place back that PostgreSQL has lent."""
        await self._locks.aclose()
        await asyncio.gather(*self._releases, return_exceptions=True)

    def _give_own_back(self, account_id: UUID) -> None:
        self._lent[account_id] -= 1
        if not self._lent[account_id]:
            del self._lent[account_id]

    def _give_shared_back(self, account_id: UUID, number: int) -> None:
        task = asyncio.create_task(self._free(account_id, number), name="question places: free")
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _free(self, account_id: UUID, number: int) -> None:
        try:
            await self._locks.free(account_id, number)
        except psycopg.Error as error:
            # The place was given back together with the connection.
            _LOG.info("a place was lost with its connection: %s", error)


def _once(give_back: GiveBack) -> GiveBack:
    remaining = [give_back]

    def call() -> None:
        if remaining:
            remaining.pop()()

    return call
