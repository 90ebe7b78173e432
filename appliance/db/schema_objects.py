"""What the database has, compared with what the migrations make.

`schema_objects.txt` lists what a migrated database has, one object a line. `make schema` writes it
again after a change of the schema; a test compares it with a migrated database.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import psycopg

from appliance.db.migrate import pending
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.db")
FILE = "schema_objects.txt"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The migrations that have not run, and the objects that should exist and do not."""

    pending: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


async def schema_state(address: str) -> SchemaState:
    """Return how the schema is; while migrations are missing, objects are not compared.

    Raises SchemaTooNewError.
    """
    if missing := await pending(address):
        return SchemaState(pending=tuple(missing))
    return SchemaState(lost=tuple(sorted(expected_objects() - await found_objects(address))))


def expected_objects() -> frozenset[str]:
    """Return what the migrations make."""
    text = resources.files("appliance.db").joinpath(FILE).read_text("utf-8")
    return frozenset(text.splitlines())


async def found_objects(address: str) -> frozenset[str]:
    """Return what a database has."""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        cursor = await connection.execute(_QUERIES["schema_objects"])
        return frozenset([str(line) for (line,) in await cursor.fetchall()])
