"""What other processes tell this one through the database."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import psycopg
from psycopg import sql

from appliance.core.clock import Clock

_LOG = logging.getLogger(__name__)
_PAUSE = 1.0


class Listener:
    """Listens on a connection of its own: a pooled one could be lent to somebody else."""

    def __init__(self, address: str, channel: str, clock: Clock) -> None:
        self._address = address
        # Not in queries.sql: PostgreSQL prepares no LISTEN.
        self._listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))
        self._clock = clock
        self.is_listening = False
        self._has_listened = False

    async def heard(self) -> AsyncGenerator[str | None, None]:
        """Yield what is said, for ever; None each time that something may have been missed."""
        told = False
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                async with connection:
                    await connection.execute(self._listen)
                    self.is_listening, told = True, False
                    if self._has_listened:
                        yield None
                    self._has_listened = True
                    async for notice in connection.notifies():
                        yield notice.payload
            except psycopg.Error as error:
                # Once, and not every second of an outage.
                if not told:
                    _LOG.warning("not listening to the database: %s", error)
                told = True
            finally:
                self.is_listening = False
            await self._clock.sleep(_PAUSE)
