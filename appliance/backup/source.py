"""The database as a backup reads it: one transaction, whose view of the data others can share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.errors import DataCorrupted, IndexCorrupted

from appliance.backup.errors import (
    DatabaseDamagedError,
    DumpBrokenOffError,
    DumpFailedError,
)
from appliance.backup.store import BackupStore
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
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

    Raises DatabaseUnavailableError, and inside the block what `fault_of` returns.
    """
    try:
        async with asyncio.timeout(DUMP_SECONDS), await _connected(address) as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            async with connection.transaction():
                store = BackupStore(connection)
                yield Source(address, connection, store, await store.export_snapshot())
    except psycopg.Error as error:
        raise fault_of(error) from error
    except TimeoutError as error:
        hours = round(DUMP_SECONDS / 3600)
        raise DumpFailedError(reason=f"it took longer than {hours} hours.") from error


def fault_of(error: psycopg.Error) -> ApplianceError:
    """Return what an error of PostgreSQL means for the backup that reads it.

    Without a code, and with those of these classes, the connection was lost or the server ended.
    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    said = str(error.diag.message_primary or error).strip()
    if isinstance(error, DataCorrupted | IndexCorrupted):
        return DatabaseDamagedError(reason=said)
    lost = error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    return DumpBrokenOffError() if lost else DumpFailedError(reason=said)


async def _connected(address: str) -> Connection:
    try:
        return await AsyncConnection.connect(address, autocommit=True)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError from error
