"""Bring the schema to the version that this program was written for.

A migration is a file `NNNN_pre_words.sql` or `NNNN_post_words.sql`: `pre` is safe while the
previous version of the program still runs, `post` only after it has ended. Numbers have no gaps.
Each file runs in one transaction together with its row in `public.migration`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import TupleRow

from appliance.db.errors import MigrationFailedError, SchemaTooNewError
from appliance.db.roles import WITHOUT_LIMITS

if TYPE_CHECKING:
    from typing import LiteralString

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<phase>pre|post)_(?P<words>[a-z0-9_]+)\.sql$")
# Any constant that is the same in every process that migrates.
_ADVISORY_LOCK = 0x436C6F6973746572


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`."""

    number: int
    name: str
    statement: LiteralString


def migrations() -> list[Migration]:
    """Return all migrations in order. Raises ValueError for a wrong name or a gap."""
    found = []
    for entry in resources.files("appliance.db").joinpath("migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        parts = _FILE.match(entry.name)
        if parts is None:
            message = f"{entry.name} is not named NNNN_pre_words.sql or NNNN_post_words.sql"
            raise ValueError(message)
        statement: LiteralString = entry.read_text("utf-8")
        found.append(Migration(int(parts["number"]), entry.name, statement))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        message = "the numbers of the migrations have a gap or a repetition"
        raise ValueError(message)
    return found


async def migrate(address: str) -> list[str]:
    """Run the missing migrations in order and return their names.

    Two processes may call this at the same time: an advisory lock makes the second wait; it then
    finds no missing migration. Raises SchemaTooNewError before any change, MigrationFailedError
    after a rollback.
    """
    known = migrations()
    connection = await psycopg.AsyncConnection.connect(
        address, autocommit=True, options=WITHOUT_LIMITS
    )
    async with connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS public.migration ("
            " number integer PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        # A chat server says on /ready whether the schema is the one that it expects.
        await connection.execute("GRANT SELECT ON public.migration TO cloister_chat")
        cursor = await connection.execute("SELECT coalesce(max(number), 0) FROM public.migration")
        row = await cursor.fetchone()
        current = int(row[0]) if row else 0
        if current > len(known):
            raise SchemaTooNewError(found=current, known=len(known))
        missing = known[current:]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.name for migration in missing]


async def pending(connection: psycopg.AsyncConnection[TupleRow]) -> list[str]:
    """Return the names of the missing migrations in order, and change nothing.

    Raises SchemaTooNewError when a later version has migrated the database.
    """
    known = migrations()
    found = await connection.execute("SELECT to_regclass('public.migration') IS NOT NULL")
    if await found.fetchone() != (True,):
        return [migration.name for migration in known]
    found = await connection.execute("SELECT coalesce(max(number), 0) FROM public.migration")
    row = await found.fetchone()
    current = int(row[0]) if row else 0
    if current > len(known):
        raise SchemaTooNewError(found=current, known=len(known))
    return [migration.name for migration in known[current:]]


async def _apply(connection: psycopg.AsyncConnection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.statement)
            await connection.execute(
                "INSERT INTO public.migration (number, name) VALUES (%s, %s)",
                (migration.number, migration.name),
            )
    except psycopg.Error as error:
        raise MigrationFailedError(name=migration.name, reason=str(error).strip()) from error
