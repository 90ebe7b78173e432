"""A PostgreSQL server for restored data: on a socket that only this process can reach."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from appliance.core.clock import Clock
from appliance.core.limits import within_limits
from appliance.core.process import Running, kill_group, run, spawn
from appliance.core.settings import Settings
from appliance.db.pool import DATABASE, conninfo
from appliance.db.roles import OWNER
from appliance.probes.process import standing_in
from appliance.restore.errors import ScratchServerError
from appliance.units.directories import give_to, owned_directory
from appliance.units.postgres import initdb
from appliance.units.programs import PostgresProgram

_INITDB_SECONDS = 120.0
_STARTS_WITHIN = 120.0
_STOPS_WITHIN = 300.0
_POLL_SECONDS = 0.05
# The socket's folder is closed to all other accounts, and that of the server is ours.
_ACCESS = "local all all trust\n"
# What is loaded counts only when it is whole and synced: nothing in between has to survive.
_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "20",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "256MB",
    "max_parallel_maintenance_workers": "1",
    "logging_collector": "off",
    # Statements hold texts of people.
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True, slots=True)
class Scratch:
    """A running server with an empty or a restored database."""

    data: Path
    socket: Path
    program: PostgresProgram
    database: str = DATABASE

    @property
    def address(self) -> str:
        """The address of the database for its owner, who may do everything."""
        return self.address_of(self.database)

    def address_of(self, database: str) -> str:
        """Return the address of another database of the server."""
        return conninfo(self.socket, OWNER, database=database)


async def make_cluster(settings: Settings, program: PostgresProgram, data: Path) -> None:
    """Make an empty data directory, as the appliance itself would make it."""
    await asyncio.to_thread(owned_directory, data, settings.account)
    finished = await run(
        (*initdb(program, data), "--no-sync"),
        timeout=_INITDB_SECONDS,
        account=settings.account,
        env={"HOME": str(settings.home)},
        cwd=data.parent,
    )
    if not finished.succeeded:
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        raise ScratchServerError(reason=lines[-1] if lines else finished.description)


@asynccontextmanager
async def serving(
    settings: Settings, program: PostgresProgram, data: Path, clock: Clock
) -> AsyncIterator[Scratch]:
    """Run a server on a data directory while the block runs, and stop it in order.

    It ends with this process in any case, also when that is killed.
    """
    socket = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="cloister-"))
    try:
        await asyncio.to_thread(_prepare, settings, data, socket)
        options = [text for name, value in _OPTIONS.items() for text in ("-c", f"{name}={value}")]
        command = (str(program.folder / "postgres"), "-D", str(data), "-k", str(socket), *options)
        running = await spawn(
            within_limits(command, None), account=settings.account, env={"HOME": str(settings.home)}
        )
        try:
            scratch = Scratch(data, socket, program)
            await _until_ready(scratch, running, clock)
            yield scratch
        finally:
            await asyncio.shield(_stop(running))
    finally:
        await asyncio.to_thread(shutil.rmtree, socket, ignore_errors=True)


async def end_leftovers(data: Path, clock: Clock) -> None:
    """End what is left of a server whose starter was killed: it must not write any more."""
    while found := await asyncio.to_thread(_left_on, data):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await clock.sleep(_POLL_SECONDS)


def _left_on(data: Path) -> list[int]:
    return standing_in(data.resolve(), "postgres")


def _prepare(settings: Settings, data: Path, socket: Path) -> None:
    give_to(socket, settings.account)
    (data / "postmaster.pid").unlink(missing_ok=True)
    (data / "pg_hba.conf").write_text(_ACCESS)
    give_to(data / "pg_hba.conf", settings.account)


async def _until_ready(scratch: Scratch, running: Running, clock: Clock) -> None:
    deadline = clock.monotonic() + _STARTS_WITHIN
    while True:
        with suppress(psycopg.OperationalError):
            address = scratch.address_of("postgres")
            await (await psycopg.AsyncConnection.connect(address)).close()
            return
        if running.process.returncode is not None or clock.monotonic() > deadline:
            raise ScratchServerError(reason=await _last_line(running))
        await clock.sleep(_POLL_SECONDS)


async def _last_line(running: Running) -> str:
    kill_group(running.pid)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            lines = (await running.output.read(65536)).decode(errors="replace").splitlines()
            return lines[-1] if lines else "it said nothing"
    return "it does not answer"


async def _stop(running: Running) -> None:
    kill_group(running.pid, signal.SIGINT)
    # Its last words are of no interest, but a full pipe would hold it.
    draining = asyncio.create_task(running.output.read(), name="output of the scratch server")
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOPS_WITHIN):
            await running.process.wait()
    kill_group(running.pid)
    await running.process.wait()
    await asyncio.wait({draining}, timeout=1.0)
    draining.cancel()
    running.pipe.close()
