"""Turns and places over all processes, kept by PostgreSQL as locks of a connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from appliance.core.errors import BusyError, DatabaseUnavailableError
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.shares")
# The deadlines are this program's: the role's own limits would end the wait for a turn.
_OPTIONS = "-c statement_timeout=0 -c lock_timeout=0"
_RETRY_SECONDS = 10
_PLACE_SECONDS = 4.0


async def _connect(address: str) -> AsyncConnection[TupleRow]:
    return await AsyncConnection.connect(address, autocommit=True, options=_OPTIONS)


class MachineTurn:
    """One turn at a time, over all processes that name the same lock of the same database.

    The lock belongs to a connection of its own, outside of the pool. PostgreSQL frees it with that
    connection: also when the process is killed, and also when a task is cancelled at any moment,
    because the connection is closed then. The processes that wait are served in the order of
    arrival.
    """

    def __init__(self, address: str, name: str, *, patience: float = 60.0) -> None:
        """Take the database's `address`; a turn is waited for at most `patience` seconds."""
        self._address = address
        self._name = {"name": name}
        self._patience = patience
        # A connection gets a lock that it holds as often as it asks.
        self._own_turn = asyncio.Lock()
        self._connection: AsyncConnection[TupleRow] | None = None

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold the turn for the length of the block.

        Raises DatabaseUnavailableError, and BusyError when the turn does not come in time.
        """
        async with self._own_turn:
            try:
                await self._begin()
                yield
                await self._end()
            except BaseException:
                await self.aclose()
                raise

    async def aclose(self) -> None:
        """Close the connection, which ends a turn that it holds."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                if self._connection is not None:
                    # The server may have ended since the last turn.
                    with contextlib.suppress(psycopg.OperationalError):
                        await self._connection.execute(_QUERIES["wait_for_turn"], self._name)
                        return
                    await self.aclose()
                self._connection = await _connect(self._address)
                await self._connection.execute(_QUERIES["wait_for_turn"], self._name)
        except TimeoutError as error:
            raise BusyError(seconds=_RETRY_SECONDS) from error
        except psycopg.Error as error:
            raise DatabaseUnavailableError from error

    async def _end(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.execute(_QUERIES["end_turn"], self._name)
            except psycopg.Error:
                # The turn ended with the connection.
                await self.aclose()


class PlaceLocks:
    """Places of an account that several processes share: locks of one connection.

    A failure or a cancellation closes the connection, and all places that it held are free. The
    processes then lend a few too many until the holders of these places have ended.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._one_at_a_time = asyncio.Lock()
        self._connection: AsyncConnection[TupleRow] | None = None
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
                facts = {"account": str(account_id), "number": number}
                async with asyncio.timeout(_PLACE_SECONDS):
                    await self._connection.execute(_QUERIES["free_place"], facts)
            except BaseException:
                await self._lose()
                raise

    async def aclose(self) -> None:
        """Give every place back."""
        async with self._one_at_a_time:
            await self._lose()

    async def _take(self, account_id: UUID, most: int) -> int | None:
        if self._connection is None:
            self._connection = await _connect(self._address)
        held = self._held.get(account_id, set())
        facts = {"account": str(account_id), "most": most, "held": list(held)}
        cursor = await self._connection.execute(_QUERIES["take_place"], facts)
        row = await cursor.fetchone()
        if row is None:
            return None
        self._held[account_id].add(int(row[0]))
        return int(row[0])

    async def _lose(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            await connection.close()
