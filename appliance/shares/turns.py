"""Turns over all processes of the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from appliance.core.errors import BusyError, DatabaseUnavailableError
from appliance.db.pool import Connection
from appliance.shares.connection import connect
from appliance.shares.store import LockStore

_RETRY_SECONDS = 10


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
        self._name = name
        self._patience = patience
        # A connection gets a lock that it holds as often as it asks.
        self._own_turn = asyncio.Lock()
        self._connection: Connection | None = None

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
                        await LockStore(self._connection).wait_for_turn(self._name)
                        return
                    await self.aclose()
                self._connection = await connect(self._address)
                await LockStore(self._connection).wait_for_turn(self._name)
        except TimeoutError as error:
            raise BusyError(seconds=_RETRY_SECONDS) from error
        except psycopg.Error as error:
            raise DatabaseUnavailableError from error

    async def _end(self) -> None:
        if self._connection is not None:
            try:
                await LockStore(self._connection).end_turn(self._name)
            except psycopg.Error:
                # The turn ended with the connection.
                await self.aclose()
