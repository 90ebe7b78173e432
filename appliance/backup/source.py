"""The database as a backup reads it: one transaction, whose view of the data others can share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.errors import DataCorrupted, IndexCorrupted

from appliance.backup.errors import DatabaseDamagedError, DumpBrokenOffError
from appliance.backup.store import BackupStore
from appliance.core.errors import DatabaseUnavailableError
from appliance.core.settings import Settings
from appliance.db.pool import Connection, conninfo
from appliance.db.roles import BACKUP_ROLE

# The longest dump. PostgreSQL itself ends a session of the role an hour later.
DUMP_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Source:
    """What is read: `connection` inside the transaction, `store` on it, `address` for others.

    `snapshot` is the name under which other sessions see exactly the same data.
    """

    address: str
    connection: Connection
    store: BackupStore
    snapshot: str


def address_of(settings: Settings) -> str:
    """Return the address of the database for the role that reads everything."""
    return conninfo(settings.database_socket, BACKUP_ROLE)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Source]:
    """Lend a transaction that reads, and that holds its view of the data until the block ends.

    Raises DatabaseUnavailableError, DatabaseDamagedError, and DumpBrokenOffError when PostgreSQL
    ends meanwhile or the time is up.
    """
    try:
        async with asyncio.timeout(DUMP_SECONDS), await _connected(address) as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            async with connection.transaction():
                store = BackupStore(connection)
                yield Source(address, connection, store, await store.export_snapshot())
    except (DataCorrupted, IndexCorrupted) as error:
        raise DatabaseDamagedError(reason=str(error.diag.message_primary or error)) from error
    except (psycopg.OperationalError, TimeoutError) as error:
        raise DumpBrokenOffError from error


async def _connected(address: str) -> Connection:
    try:
        return await AsyncConnection.connect(address, autocommit=True)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError from error
