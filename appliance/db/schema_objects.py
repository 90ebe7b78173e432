"""What the database has, compared with what the migrations make.

`schema_objects.list` lists what a migrated database has, one object a line. `make schema` writes it
again after a change of the schema; a test compares it with a migrated database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from appliance.db.migrate import pending
from appliance.db.pool import Connection, Database
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.db")
FILE = "schema_objects.list"
# What has columns, constraints, indexes and triggers.
_WHOLE = {"table", "view"}


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The migrations that have not run, and the objects that should exist and do not."""

    pending: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


async def schema_state(database: Database) -> SchemaState:
    """Return how the schema is; while migrations are missing, objects are not compared.

    Raises SchemaTooNewError and DatabaseUnavailableError.
    """
    async with database.connection() as connection:
        if missing := await pending(connection):
            return SchemaState(pending=tuple(missing))
        lost = sorted(expected_objects() - await _found_objects(connection))
        return SchemaState(lost=tuple(_without_parts(lost)))


@cache
def expected_objects() -> frozenset[str]:
    """Return what the migrations make."""
    text = resources.files("appliance.db").joinpath(FILE).read_text("utf-8")
    return frozenset(text.splitlines())


async def found_objects(database: Database) -> frozenset[str]:
    """Return what a database has. Raises DatabaseUnavailableError."""
    async with database.connection() as connection:
        return await _found_objects(connection)


async def _found_objects(connection: Connection) -> frozenset[str]:
    cursor = await connection.execute(_QUERIES["schema_objects"])
    return frozenset([str(line) for (line,) in await cursor.fetchall()])


def _without_parts(lost: Sequence[str]) -> list[str]:
    """Leave out what belongs to a table or a view that is lost as a whole."""
    kinds = {line: line.split()[0] for line in lost}
    whole = {line.split()[1] for line, kind in kinds.items() if kind in _WHOLE}
    return [line for line in lost if kinds[line] in _WHOLE or not whole & _named(line)]


def _named(line: str) -> set[str]:
    """Return the names in a line, and the tables of columns among them."""
    names = set(line.split())
    return names | {name.rpartition(".")[0] for name in names}
