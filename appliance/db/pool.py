"""The connection pool of one process; lost connections become DatabaseUnavailableError."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from appliance.core.errors import DatabaseBusyError, DatabaseUnavailableError
from appliance.db.bounded import BoundedConnection

DATABASE = "cloister"
# The most connections of one chat server, for its searches and for everything else; and those of
# all other processes together: ingest, console, notifications, probes and the command line.
CHAT_CONNECTIONS = 12
SEARCH_CONNECTIONS = 4
# What a chat server holds outside of its pools: two to listen, one for each kind of lock.
HELD_CONNECTIONS = 4
OTHER_CONNECTIONS = 48
# How long a request waits for a connection, and how long for that and all that it does with it:
# people are answered within five seconds, also when PostgreSQL hangs.
WAIT_SECONDS = 3.0
REQUEST_SECONDS = 4.5
# How long an operation may take that a person started and that changes many rows.
OPERATION_SECONDS = 60.0
# How long one may take for which no person waits.
WORK_SECONDS = 900.0
_CHECK_SECONDS = 1.0
Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[BoundedConnection]


def conninfo(socket: Path, role: str, *, database: str = DATABASE) -> str:
    """Return the libpq address of `database` on this machine's socket directory."""
    return psycopg.conninfo.make_conninfo(
        host=str(socket), dbname=database, user=role, application_name=role, connect_timeout=5
    )


@dataclass(frozen=True, slots=True)
class Tuning:
    """Connections for one kind of statement, with settings of PostgreSQL that suit no other.

    A setting of the connection costs nothing per statement, and no transaction has to hold it.
    """

    name: str
    size: int
    settings: Mapping[str, str] = field(hash=False)

    @property
    def options(self) -> str:
        """The settings as libpq's `options`."""
        return " ".join(f"-c {name}={value}" for name, value in self.settings.items())


class Database:
    """Connections to PostgreSQL for one role.

    Opening does not wait for the server, so that a process starts and reports what is missing. A
    connection that was lost with the server is replaced at the next use. Each use ends after
    `limit` seconds, the wait for a connection included; `wait` bounds that alone.
    """

    def __init__(
        self,
        address: str,
        *,
        size: int = 8,
        wait: float = WAIT_SECONDS,
        limit: float = REQUEST_SECONDS,
    ) -> None:
        self.address = address
        self._wait = wait
        self._limit = limit
        self._pool = _pool(address, size)
        self._tuned: dict[Tuning, Pool] = {}
        # When a connection last came back from a use in which the server answered.
        self._answered_at = float("-inf")

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in (self._pool, *self._tuned.values()):
            await pool.close()

    @asynccontextmanager
    async def connection(
        self, tuning: Tuning | None = None, *, limit: float | None = None
    ) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode: each statement is its own transaction.

        It ends after `limit` seconds, or those of the database. A cancelled or failed use leaves
        nothing behind: a connection on which anything is still open is closed. Raises
        DatabaseUnavailableError when PostgreSQL cannot be reached, goes away or does not answer in
        time, and DatabaseBusyError when it answers others.
        """
        end = asyncio.get_running_loop().time() + (limit or self._limit)
        async with self._lent(tuning) as connection:
            connection.shut_down_in(end - asyncio.get_running_loop().time())
            yield connection

    @asynccontextmanager
    async def held_connection(self) -> AsyncIterator[Connection]:
        """Lend a connection without a limit, to listen on it or to hold a lock of the session.

        It is closed afterwards, because either would outlast the block.
        """
        async with self._lent() as connection:
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def transaction(self, *, limit: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits when the block ends well.

        A `limit` of its own also replaces the role's limit for one statement.
        """
        async with self.connection(limit=limit) as connection, connection.transaction():
            if limit is not None:
                setting = "SELECT set_config('statement_timeout', %s, true)"
                await connection.execute(setting, (f"{limit:g}s",))
            yield connection

    async def _pool_for(self, tuning: Tuning | None) -> Pool:
        if tuning is None:
            return self._pool
        if tuning not in self._tuned:
            self._tuned[tuning] = _pool(self.address, tuning.size, tuning.options)
        pool = self._tuned[tuning]
        await pool.open(wait=False)
        return pool

    @asynccontextmanager
    async def _lent(self, tuning: Tuning | None = None) -> AsyncIterator[BoundedConnection]:
        """Lend a connection, and translate what psycopg raises."""
        cancellations = _cancellations()
        try:
            pool = await self._pool_for(tuning)
            connection = await pool.getconn(timeout=min(self._wait, self._limit))
            try:
                # Before Python 3.12, a wait that ends in the moment of a cancellation swallows it.
                _raise_lost(cancellations)
                yield connection
            finally:
                # Nothing here waits, so that no second cancellation can interrupt it.
                await self._take_back(pool, connection)
        except psycopg.Error as error:
            # An error of the connection may have replaced the cancellation that led to it.
            _raise_lost(cancellations)
            if isinstance(error, PoolTimeout) and self._answers_others():
                raise DatabaseBusyError from error
            if not _means_unavailable(error):
                raise
            raise DatabaseUnavailableError from error

    async def _take_back(self, pool: Pool, connection: BoundedConnection) -> None:
        connection.keep_open()
        if connection.is_reusable:
            self._answered_at = asyncio.get_running_loop().time()
        else:
            await connection.close()
        await pool.putconn(connection)

    def _answers_others(self) -> bool:
        return asyncio.get_running_loop().time() - self._answered_at < self._wait


def _pool(address: str, size: int, options: str = "") -> Pool:
    return AsyncConnectionPool(
        psycopg.conninfo.make_conninfo(address, options=options) if options else address,
        connection_class=BoundedConnection,
        min_size=1,
        max_size=size,
        # A task for each connection that is opened, and one more to take back: where the server
        # accepts no session, opening one takes as long as the address allows.
        num_workers=size + 1,
        open=False,
        check=_check,
        # With a reset, a task of the pool takes connections back, which no caller can cancel.
        reset=_require_reusable,
        # The pause between attempts doubles until this limit, and the next caller starts again:
        # with a small limit no caller waits long once the server is back.
        reconnect_timeout=4.0,
        kwargs={"autocommit": True},
    )


async def _check(connection: BoundedConnection) -> None:
    """Check that a pooled connection still has its server, usually without a round trip.

    When a server ends, its end of the socket closes and the socket becomes readable; only then a
    statement is sent. Raises psycopg's error for a dead connection.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        connection.shut_down_in(_CHECK_SECONDS)
        await AsyncConnectionPool.check_connection(connection)
        connection.keep_open()


async def _require_reusable(connection: BoundedConnection) -> None:
    """Refuse a connection on which anything is left; the pool closes it then."""
    if not connection.is_reusable:
        message = "something is still open on the connection"
        raise psycopg.InterfaceError(message)


def _means_unavailable(error: psycopg.Error) -> bool:
    """Return whether the server is unavailable, unlike one that answered, such as with a deadlock.

    Without a code the connection itself failed, or psycopg refuses what it was given. These classes
    of codes mean that the connection is lost, resources are missing, or that a limit or an operator
    intervened (PostgreSQL's appendix A): 55P03 is a lock that was not free in time, 25P03 a
    transaction that did nothing for too long.
    """
    code = error.sqlstate
    if code is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return code[:2] in {"08", "53", "57"} or code in {"55P03", "25P03"}


def _cancellations() -> int:
    """Return how many cancellations of the running task were requested."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _raise_lost(before: int) -> None:
    """Raise the CancelledError of a cancellation since `before` that did not arrive."""
    if _cancellations() > before:
        raise asyncio.CancelledError
