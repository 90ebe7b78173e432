"""Notifications of other processes through the database (LISTEN and NOTIFY)."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from appliance.core.clock import Clock
from appliance.db.bounded import BoundedConnection

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0
_LISTEN_SECONDS = 4.0


async def listen(connection: AsyncConnection[TupleRow], channel: str) -> None:
    """Receive the notifications of a channel on this connection from here on."""
    # Not in queries.sql: PostgreSQL cannot prepare LISTEN.
    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))


class Listener:
    """Listens for as long as the process runs, on a connection outside of the pool."""

    def __init__(self, address: str, channel: str, clock: Clock) -> None:
        self._address = address
        self._channel = channel
        self._clock = clock
        self.is_listening = False
        self._has_listened = False

    async def heard(self) -> AsyncGenerator[str | None, None]:
        """Yield each payload, without end; None after an interruption, when some may be lost."""
        is_reported = False
        while True:
            try:
                connection = await BoundedConnection.connect(self._address, autocommit=True)
                async with connection:
                    connection.shut_down_in(_LISTEN_SECONDS)
                    await listen(connection, self._channel)
                    connection.keep_open()
                    self.is_listening, is_reported = True, False
                    if self._has_listened:
                        yield None
                    self._has_listened = True
                    async for notice in connection.notifies():
                        yield notice.payload
            except psycopg.Error as error:
                # Logged once an outage, not with each attempt.
                if not is_reported:
                    _LOG.warning("notifications interrupted: %s", error)
                is_reported = True
            finally:
                self.is_listening = False
            await self._clock.sleep(_PAUSE)
