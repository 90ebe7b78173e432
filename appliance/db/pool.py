"""The connection pool of one process; lost connections become DatabaseUnavailableError."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from appliance.core.errors import DatabaseUnavailableError

DATABASE = "cloister"
# The most connections of one chat server, and of all others together: ingest, console,
# notifications, probes and the command line.
CHAT_CONNECTIONS = 12
OTHER_CONNECTIONS = 48
Connection = AsyncConnection[TupleRow]


def conninfo(socket: Path, role: str, *, database: str = DATABASE) -> str:
    """Return the libpq address of `database` on this machine's socket directory."""
    return psycopg.conninfo.make_conninfo(
        host=str(socket), dbname=database, user=role, application_name=role, connect_timeout=5
    )


class Database:
    """Connections to PostgreSQL for one role.

    Opening does not wait for the server, so that a process starts and reports what is missing. A
    connection that was lost with the server is replaced at the next use.
    """

    def __init__(self, address: str, *, size: int = 8, wait: float = 5.0) -> None:
        self.address = address
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            address,
            min_size=1,
            max_size=size,
            timeout=wait,
            open=False,
            check=_check,
            # The pause between attempts doubles until this limit, and the next caller starts again:
            # with a small limit no caller waits long once the server is back.
            reconnect_timeout=4.0,
            kwargs={"autocommit": True},
        )

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode: each statement is its own transaction.

        Raises DatabaseUnavailableError when PostgreSQL cannot be reached or goes away.
        """
        cancellations = _cancellations()
        try:
            async with self._pool.connection() as connection:
                # Before Python 3.12, a wait that ends in the moment of a cancellation swallows it.
                if _cancellations() > cancellations:
                    raise asyncio.CancelledError
                yield connection
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not _means_unavailable(error):
                raise
            raise DatabaseUnavailableError from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits when the block ends well."""
        async with self.connection() as connection, connection.transaction():
            yield connection


async def _check(connection: Connection) -> None:
    """Check that a pooled connection still has its server, usually without a round trip.

    When a server ends, its end of the socket closes and the socket becomes readable; only then a
    statement is sent. Raises psycopg's error for a dead connection.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        await AsyncConnectionPool.check_connection(connection)


def _means_unavailable(error: psycopg.Error) -> bool:
    """Return whether the server is unavailable, unlike one that answered, such as with a deadlock.

    Without a code the connection itself failed. These classes of codes mean that the connection is
    lost, resources are missing, or an operator intervened (PostgreSQL's appendix A).
    """
    return error.sqlstate is None or error.sqlstate[:2] in {"08", "53", "57"}


def _cancellations() -> int:
    """Return how many cancellations of the running task were requested."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
