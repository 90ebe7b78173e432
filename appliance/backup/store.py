"""What a backup reads of the database: rows as numbers and sums, never their content."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from psycopg.rows import class_row

from appliance.backup.layout import TRANSIENT
from appliance.backup.manifest import TableSum
from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.library.errors import FileMissingError

_QUERIES = Queries("appliance.backup")
# The binary form of a vector is the same on every machine, and made six times faster than its text.
_SENT = {"halfvec": "halfvec_send", "vector": "vector_send"}


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a manifest says about a database; `size` is the room that it takes on the disk."""

    schema: int
    postgres: int
    size: int
    people: int
    documents: int
    conversations: int
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A file that documents have; `is_missing` says that its loss is recorded."""

    digest: str
    size: int
    is_missing: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """A table as the catalogue of PostgreSQL knows it."""

    schema: str
    table: str
    columns: list[str]
    types: list[str]

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def hashed(self) -> sql.Composable:
        """The columns as their texts are hashed."""
        return sql.SQL(", ").join(map(_column, self.columns, self.types))


async def table_sums(
    connection: Connection, leave_out: Collection[str] = ()
) -> dict[str, TableSum]:
    """Return the sum of each table of ours, whatever the order of its rows is.

    Equal sums mean equal tables, on any machine. Left out are the tables that no set has rows of,
    and those that `leave_out` names.
    """
    left_out = {*TRANSIENT, *leave_out}
    async with connection.transaction():
        await connection.execute(_QUERIES["plain_texts"])
        return {
            table.name: await _sum(connection, table)
            for table in await _tables(connection)
            if table.name not in left_out
        }


class BackupStore:
    """Reads what a set says about itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def export_snapshot(self) -> str:
        """Return the name under which other sessions see what this transaction sees."""
        cursor = await self._connection.execute(_QUERIES["export_snapshot"])
        row = await cursor.fetchone()
        return str(row[0]) if row else ""

    async def facts(self) -> DatabaseFacts:
        """Return the numbers of the database."""
        async with self._connection.cursor(row_factory=class_row(DatabaseFacts)) as cursor:
            await cursor.execute(_QUERIES["database_facts"])
            (found,) = await cursor.fetchall()
        return found

    async def extensions(self) -> dict[str, str]:
        """Return the versions of the extensions."""
        cursor = await self._connection.execute(_QUERIES["extensions"])
        return dict(await cursor.fetchall())

    async def documents(self) -> list[StoredDocument]:
        """Return the files that documents have."""
        async with self._connection.cursor(row_factory=class_row(StoredDocument)) as cursor:
            await cursor.execute(_QUERIES["stored_files"], {"missing": FileMissingError.code})
            return await cursor.fetchall()

    async def still_used(self, digests: Sequence[str]) -> set[str]:
        """Return which of these files documents still have."""
        cursor = await self._connection.execute(_QUERIES["still_used"], {"digests": list(digests)})
        return {row[0] for row in await cursor.fetchall()}

    async def size_of_dump(self, *, leave_out: Collection[str] = ()) -> int:
        """Return about how large a dump of the tables is, without the rows of some."""
        left_out = {*TRANSIENT, *leave_out}
        tables = [one.name for one in await _tables(self._connection) if one.name not in left_out]
        cursor = await self._connection.execute(_QUERIES["size_of_dump"], {"tables": tables})
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def _tables(connection: Connection) -> list[_Table]:
    async with connection.cursor(row_factory=class_row(_Table)) as cursor:
        await cursor.execute(_QUERIES["hashed_tables"])
        return await cursor.fetchall()


async def _sum(connection: Connection, table: _Table) -> TableSum:
    statement = sql.SQL(_QUERIES["table_sum"]).format(
        columns=table.hashed, table=sql.Identifier(table.schema, table.table)
    )
    cursor = await connection.execute(statement)
    row = await cursor.fetchone()
    return TableSum(int(row[0]), int(row[1])) if row else TableSum(0, 0)


def _column(name: str, of_type: str) -> sql.Composable:
    column = sql.Identifier(name)
    if (send := _SENT.get(of_type)) is None:
        return column
    return sql.SQL("{}({})").format(sql.Identifier("public", send), column)
