"""Load a dump into an empty database, and prove that each table is what was saved."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from appliance.backup.manifest import Manifest, differences
from appliance.backup.store import table_sums
from appliance.core.process import Finished, run
from appliance.db.migrate import migrate
from appliance.db.pool import Connection
from appliance.db.roles import WITHOUT_LIMITS, create_database, install_extension
from appliance.repository.restic import LONG_SECONDS
from appliance.restore.errors import LoadFailedError, TablesDifferError
from appliance.restore.scratch import Scratch

# Indexes of vectors take longer than all the rest, and search works without them. Their names are
# those of library.index_vectors.
_VECTOR_INDEX = re.compile(r" INDEX library embedding_vectors_\d+ ")
_LIST_LIMIT = 16 * 1024 * 1024
_JOBS = 2

Keep = Callable[[str], bool]
"""Says whether a line of the list of a dump is loaded."""


def without_vector_indexes(line: str) -> bool:
    """Whether an entry of a dump is anything but an index of vectors."""
    return _VECTOR_INDEX.search(line) is None


def only_rows_of(tables: Collection[str]) -> Keep:
    """Return which entries are the rows of these tables."""
    wanted = [f" TABLE DATA {table.replace('.', ' ')} " for table in tables]
    return lambda line: any(each in line for each in wanted)


def definitions_and_rows_of(tables: Collection[str]) -> Keep:
    """Return which entries make these tables, with their schemas and rows, and nothing else."""
    schemas = {table.partition(".")[0] for table in tables}
    wanted = [f" SCHEMA - {schema} " for schema in schemas]
    wanted += [f" TABLE {table.replace('.', ' ')} " for table in tables]
    rows = only_rows_of(tables)
    return lambda line: rows(line) or any(each in line for each in wanted)


async def prepare_database(scratch: Scratch) -> None:
    """Make the roles, the database and the extension, as the appliance does."""
    await create_database(scratch.address_of("postgres"))
    await install_extension(scratch.address)


async def load(scratch: Scratch, dump: Path, keep: Keep, *options: str) -> None:
    """Load the entries of a dump that `keep` accepts. Raises LoadFailedError.

    Triggers are made after the rows, so that none of them runs.
    """
    program = str(scratch.program.folder / "pg_restore")
    listed = await run((program, "--list", str(dump)), output_limit=_LIST_LIMIT)
    _require(listed)
    lines = [line for line in listed.stdout.decode().splitlines() if keep(line)]
    with tempfile.NamedTemporaryFile("w", prefix="cloister-", suffix=".list") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        loaded = await run(
            (
                program,
                f"--dbname={scratch.address}",
                f"--use-list={file.name}",
                f"--jobs={_JOBS}",
                "--exit-on-error",
                "--no-password",
                *options,
                str(dump),
            ),
            timeout=LONG_SECONDS,
            # The roles have limits for statements of the appliance; loading takes its time.
            env={"PGOPTIONS": WITHOUT_LIMITS},
        )
    _require(loaded)


async def require_equal(scratch: Scratch, manifest: Manifest, tables: Collection[str]) -> int:
    """Compare tables with the manifest; return how many were compared.

    Raises TablesDifferError, which names those that differ.
    """
    expected = {name: manifest.tables[name] for name in tables if name in manifest.tables}
    async with connected(scratch) as connection:
        found = await table_sums(connection)
    if differing := differences(expected, found):
        raise TablesDifferError(tables=", ".join(differing))
    return len(expected)


async def migrate_forward(scratch: Scratch) -> list[str]:
    """Bring the schema of an older set up to the one that this program was written for."""
    return await migrate(scratch.address)


@asynccontextmanager
async def connected(scratch: Scratch) -> AsyncIterator[Connection]:
    """Lend a connection as the owner, without limits, in autocommit mode."""
    connection = await psycopg.AsyncConnection.connect(
        scratch.address, autocommit=True, options=WITHOUT_LIMITS
    )
    async with connection:
        yield connection


def _require(finished: Finished) -> None:
    if not finished.succeeded:
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        said = [line for line in lines if "error" in line.lower()] or lines
        raise LoadFailedError(reason=said[0] if said else finished.description)
