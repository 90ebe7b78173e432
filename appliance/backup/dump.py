"""Write the database out, as another session of a transaction sees it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path

from psycopg.conninfo import make_conninfo

from appliance.backup.errors import DumpFailedError
from appliance.backup.source import DUMP_SECONDS, Source
from appliance.backup.store import DatabaseFacts
from appliance.core.process import Command, ProgramMissingError, run
from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.units.programs import installed_postgres

# One table holds nearly everything: more sessions would not be faster.
_JOBS = 2
# A migration or an operator may hold a table for a moment.
_LOCK_WAIT = "60s"
_LOOK_SECONDS = 1.0
_SENTENCE = "Writing the database out."


async def write_dump(
    source: Source,
    folder: Path,
    facts: DatabaseFacts,
    without_rows: Collection[str],
    report: Reporter,
) -> dict[str, str]:
    """Dump what the transaction of `source` sees into the new `folder`; return `digests_of` it.

    Tables in `without_rows` are dumped as definitions. Raises DumpFailedError: then nothing counts.
    """
    command = await _pg_dump(source, folder, facts.postgres, without_rows)
    report.progress(Progress(_SENTENCE))
    watching = asyncio.create_task(_watch(folder, facts, report), name="progress of the dump")
    try:
        finished = await run(command, timeout=DUMP_SECONDS)
    finally:
        watching.cancel()
    if not finished.succeeded:
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        raise DumpFailedError(reason=lines[-1] if lines else finished.description)
    return await asyncio.to_thread(digests_of, folder)


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a dump, by its name."""
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


async def _pg_dump(
    source: Source, folder: Path, server: int, without_rows: Collection[str]
) -> Command:
    """Return the command line, of the program that belongs to the server if it is installed."""
    able = [program for program in await installed_postgres() if program.version >= server]
    if not able:
        raise ProgramMissingError(program=f"pg_dump {server}")
    program = min(able, key=lambda program: program.version)
    return (
        str(program.folder / "pg_dump"),
        f"--dbname={make_conninfo(source.address, application_name='pg_dump')}",
        f"--snapshot={source.snapshot}",
        "--format=directory",
        # What restic finds again, and compresses itself.
        "--compress=0",
        # The stage need not survive a crash.
        "--no-sync",
        f"--jobs={_JOBS}",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        "--no-password",
        f"--file={folder}",
        *(f"--exclude-table-data={table}" for table in sorted(without_rows)),
    )


async def _watch(folder: Path, facts: DatabaseFacts, report: Reporter) -> None:
    """Say how much is written. The size of the database, with its indexes, is the most it gets."""
    while True:
        await report.clock.sleep(_LOOK_SECONDS)
        done = await asyncio.to_thread(size_of_folder, folder)
        report.update(Progress(_SENTENCE, done, max(done, facts.size)))


def size_of_folder(folder: Path) -> int:
    """Return the size of the files in a folder; none, while it is not there."""
    return sum(path.stat().st_size for path in folder.glob("*")) if folder.is_dir() else 0
