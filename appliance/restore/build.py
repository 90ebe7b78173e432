"""Build a database from what was fetched: the same code for a drill and for a real restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.files import fsync_directory, locked_alone
from appliance.core.process import run
from appliance.core.settings import Settings
from appliance.db.roles import install_extension
from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.repository.restic import LONG_SECONDS
from appliance.restore.errors import RestoreRunsError, ScratchServerError
from appliance.restore.fetch import Fetched
from appliance.restore.load import (
    connected,
    definitions_and_rows_of,
    load,
    migrate_forward,
    only_rows_of,
    prepare_database,
    require_equal,
    without_vector_indexes,
)
from appliance.restore.room import usable
from appliance.restore.scratch import Scratch, make_cluster, serving
from appliance.restore.store import RestoreStore
from appliance.units.errors import DatabaseMissingError
from appliance.units.programs import PostgresProgram, choose_postgres, installed_postgres

# What a hot snapshot lacks, in an order in which each table has what it refers to.
_DERIVED_ROWS = ("library.page", "library.chunk", "library.embedding")
_IDENTITIES = ("library.document", "library.embedding_model")
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds databases with one installation of PostgreSQL."""

    settings: Settings
    clock: Clock
    report: Reporter
    program: PostgresProgram

    @asynccontextmanager
    async def built(
        self, fetched: Fetched, data: Path, without_rows: Collection[str] = ()
    ) -> AsyncIterator[Scratch]:
        """Lend a server with the database of a snapshot, each table compared with the manifest.

        Tables in `without_rows` are made, but not filled. After the block the server has stopped in
        order, and `data` is a whole data directory. Raises LoadFailedError and TablesDifferError.
        """
        self.report.progress(Progress("Making an empty database."))
        await make_cluster(self.settings, self.program, data)
        async with serving(self.settings, self.program, data, self.clock) as scratch:
            await prepare_database(scratch)
            self.report.progress(Progress("Loading the rows."))
            rows_left_out = only_rows_of(without_rows)
            await load(
                scratch,
                fetched.dump,
                lambda line: without_vector_indexes(line) and not rows_left_out(line),
            )
            self.report.progress(Progress("Comparing each table with what was saved."))
            compared = set(fetched.manifest.tables) - set(without_rows)
            count = await require_equal(scratch, fetched.manifest, compared)
            self.report.log(f"{count} tables are as they were saved.")
            yield scratch

    async def add_derived(self, scratch: Scratch, fetched: Fetched) -> int:
        """Give a database of a hot snapshot the pages, chunks and vectors of a set.

        Both have the same schema. Documents that are not the same are queued to be read again;
        returns how many.
        """
        self.report.progress(Progress("Adding the passages of the newest set."))
        rows = only_rows_of(_DERIVED_ROWS)
        await load(scratch, fetched.dump, rows, "--data-only", "--disable-triggers")
        await require_equal(scratch, fetched.manifest, _DERIVED_ROWS)
        documents, models = await self._identities(scratch, fetched)
        async with connected(scratch) as connection:
            store = RestoreStore(connection)
            same = (await store.identities()).items() & documents.items()
            known = (await store.models()).items() & models.items()
            return await store.keep_derived([one for one, _ in same], [one for one, _ in known])

    async def _identities(
        self, scratch: Scratch, fetched: Fetched
    ) -> tuple[dict[UUID, str], dict[int, tuple[str, str]]]:
        """Return documents and models of a set, from a second database beside the first."""
        async with connected(scratch) as connection:
            await connection.execute(f"CREATE DATABASE {_OTHER}")
        other = replace(scratch, database=_OTHER)
        await install_extension(other.address)
        await load(other, fetched.dump, definitions_and_rows_of(_IDENTITIES))
        async with connected(other) as connection:
            store = RestoreStore(connection)
            found = await store.identities(), await store.models()
        async with connected(scratch) as connection:
            await connection.execute(f"DROP DATABASE {_OTHER} WITH (FORCE)")
        return found

    async def finish(self, scratch: Scratch) -> None:
        """Bring the schema up to date, and let the planner know the tables."""
        for name in await migrate_forward(scratch):
            self.report.log(f"The schema was brought forward: {name}")
        self.report.progress(Progress("Counting what the tables hold."))
        async with connected(scratch) as connection:
            await connection.execute("ANALYZE")

    async def sync(self, data: Path) -> None:
        """Write all of a data directory to the disk. Its server has stopped."""
        self.report.progress(Progress("Writing the database to the disk."))
        finished = await run(
            (str(self.program.folder / "initdb"), "--sync-only", f"--pgdata={data}"),
            timeout=LONG_SECONDS,
            account=self.settings.account,
            env={"HOME": str(self.settings.home)},
            cwd=data.parent,
        )
        if not finished.succeeded:
            raise ScratchServerError(reason=finished.description)
        await asyncio.to_thread(fsync_directory, data.parent)


async def builder(settings: Settings, clock: Clock, report: Reporter) -> Builder:
    """Return the builder that this machine's PostgreSQL allows. Raises DatabaseMissingError."""
    return Builder(settings, clock, report, await installed(settings))


async def installed(settings: Settings) -> PostgresProgram:
    """Return the PostgreSQL that serves this machine's data. Raises DatabaseMissingError."""
    found = await installed_postgres()
    program = await asyncio.to_thread(choose_postgres, found, settings.database)
    if program is None:
        raise DatabaseMissingError
    return program


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Let no second process do the same work meanwhile. Raises RestoreRunsError."""
    with usable(path), locked_alone(path, RestoreRunsError()):
        yield
