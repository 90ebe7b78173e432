"""How many questions of one account may wait, over all chat servers together."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

import psycopg

from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Connection
from appliance.shares.connection import connect
from appliance.shares.errors import TooManyOfYoursWaitingError
from appliance.shares.model import Limit
from appliance.shares.store import LockStore

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 5
_PLACE_SECONDS = 4.0
GiveBack = Callable[[], None]


class PlaceLocks:
    """Places of an account that several processes share: locks of one connection.

    A failure or a cancellation closes the connection, and all places that it held are free. The
    processes then lend a few too many until the holders of these places have ended.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._one_at_a_time = asyncio.Lock()
        self._connection: Connection | None = None
        self._held: defaultdict[UUID, set[int]] = defaultdict(set)

    async def take(self, account_id: UUID, most: int) -> int | None:
        """Return the number of a free place of `most`, or None when all are taken.

        Raises DatabaseUnavailableError.
        """
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_PLACE_SECONDS):
                    return await self._take(account_id, most)
            except (psycopg.Error, TimeoutError) as error:
                await self._lose()
                raise DatabaseUnavailableError from error
            except BaseException:
                await self._lose()
                raise

    async def free(self, account_id: UUID, number: int) -> None:
        """Give a place back; one that was lost with its connection is free already."""
        async with self._one_at_a_time:
            held = self._held.get(account_id, set())
            if self._connection is None or number not in held:
                return
            held.discard(number)
            if not held:
                del self._held[account_id]
            try:
                async with asyncio.timeout(_PLACE_SECONDS):
                    await LockStore(self._connection).free_place(account_id, number)
            except BaseException:
                await self._lose()
                raise

    async def aclose(self) -> None:
        """Give every place back."""
        async with self._one_at_a_time:
            await self._lose()

    async def _take(self, account_id: UUID, most: int) -> int | None:
        if self._connection is None:
            self._connection = await connect(self._address)
        held = self._held.get(account_id, set())
        number = await LockStore(self._connection).take_place(account_id, most, list(held))
        if number is not None:
            self._held[account_id].add(number)
        return number

    async def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            await connection.close()


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
