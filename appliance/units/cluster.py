"""A PostgreSQL data directory: made whole or not at all, and never served twice."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.files import fsync_directory, keep_written
from appliance.core.process import Command, run
from appliance.core.settings import Settings
from appliance.probes.process import ProcessFacts, alive, directory_of, facts, standing_in
from appliance.units.directories import give_to, owned_directory, prepare_directories
from appliance.units.errors import DatabaseVersionError, PreparationError
from appliance.units.exchange import Places
from appliance.units.process_records import PAUSE, send

_LOG = logging.getLogger(__name__)

INITDB_SECONDS = 120.0
# How long a server may take to stop: one that hangs is back within 15 seconds of being noticed. To
# write everything may take longer on a slow disk; a server that was killed loses nothing either,
# and reads its log again at the next start.
STOP_GRACE = 5.0
# The sessions of a server that is gone notice it at once, unless they hang, too.
CHILD_PATIENCE = 1.0
# A process that was killed ends, unless the kernel itself waits for a broken disk.
KILL_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data directory, and the configuration files that are written at each start."""

    settings: Settings
    version: int
    initdb: Callable[[Path], Command]
    files: Mapping[str, str]
    clock: Clock

    async def prepare(self) -> None:
        """Make the directory ready for a start.

        1. A server that is still there, left by a supervisor that was killed, is stopped.
        2. A restored data directory that is ready takes its place; the former one is kept.
        3. A new data directory is made beside its place, then renamed: a crash leaves none.
        4. Data of another major version is refused, and left as it is.
        5. Our configuration is written again.
        """
        await prepare_directories(self.settings, self.settings.database_socket)
        data = self.settings.database
        await self._end_leftovers(data)
        await asyncio.to_thread(self._put_restored_in_place, data)
        if not await asyncio.to_thread((data / "PG_VERSION").exists):
            await self._create(data)
        await asyncio.to_thread(self._require_version, data)
        await asyncio.to_thread(self._write_files, data)

    async def refresh(self) -> None:
        """Write our configuration again, for the server that runs."""
        await asyncio.to_thread(self._write_files, self.settings.database)

    def _put_restored_in_place(self, data: Path) -> None:
        try:
            if Places(data).put_in_place():
                _LOG.info("a restored database is in use: data=%s", data)
        except OSError as error:
            problem = f"the restored database cannot take its place: {error}"
            raise PreparationError(unit="postgres", problem=problem) from error

    async def _create(self, data: Path) -> None:
        new = data.with_name(f"{data.name}.new")
        await asyncio.to_thread(self._make_room, data, new)
        finished = await run(
            self.initdb(new),
            timeout=INITDB_SECONDS,
            account=self.settings.account,
            env={"HOME": str(self.settings.home)},
            cwd=self.settings.home,
        )
        if not finished.succeeded:
            lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
            problem = lines[-1] if lines else finished.description
            raise PreparationError(unit="postgres", problem=f"initdb: {problem}")
        await asyncio.to_thread(_move, new, data)

    def _make_room(self, data: Path, new: Path) -> None:
        if data.exists() and any(data.iterdir()):
            problem = f"{data} is no database, but not empty either"
            raise PreparationError(unit="postgres", problem=problem)
        if new.exists():
            shutil.rmtree(new)
        owned_directory(new, self.settings.account)

    def _require_version(self, data: Path) -> None:
        found = (data / "PG_VERSION").read_text().strip()
        if found != str(self.version):
            raise DatabaseVersionError(found=found, installed=self.version)

    def _write_files(self, data: Path) -> None:
        configuration = resources.files("appliance.units").joinpath("configs/postgresql.conf")
        for name, text in {"postgresql.conf": configuration.read_text(), **self.files}.items():
            keep_written(data / name, text.encode())
            give_to(data / name, self.settings.account)

    async def _end_leftovers(self, data: Path) -> None:
        """Stop a server on this directory, wait for its children, and remove a stale lock file.

        The children of a server that was killed notice it and end; each leads a session of its
        own, so that only their working directory shows whose they are.
        """
        lock = data / "postmaster.pid"
        if server := await asyncio.to_thread(_server_on, data, lock):
            send(server.pid, signal.SIGINT)
            # A paused process would not see the signal.
            send(server.pid, signal.SIGCONT)
            await self._until_ended(server)
        deadline = self.clock.monotonic() + CHILD_PATIENCE
        while children := await asyncio.to_thread(_children_on, data):
            if self.clock.monotonic() > deadline:
                for child in children:
                    send(child, signal.SIGKILL)
            await self.clock.sleep(PAUSE)
        await asyncio.to_thread(lock.unlink, missing_ok=True)

    async def _until_ended(self, server: ProcessFacts) -> None:
        """Wait for the end of a server, and kill it if it does not stop in time."""
        stopping_since = self.clock.monotonic()
        while await asyncio.to_thread(alive, server.pid, server.start_time):
            waited = self.clock.monotonic() - stopping_since
            if waited > STOP_GRACE:
                send(server.pid, signal.SIGKILL)
            if waited > STOP_GRACE + KILL_PATIENCE:
                problem = f"process {server.pid} does not end"
                raise PreparationError(unit="postgres", problem=problem)
            await self.clock.sleep(PAUSE)


def _server_on(data: Path, lock: Path) -> ProcessFacts | None:
    """Return the server that the lock file names, if that very server is alive.

    The number may have been given to another program since; ours runs in its data directory.
    """
    try:
        found = facts(int(lock.read_text().split("\n", 1)[0]))
    except (OSError, ValueError):
        return None
    if found is None or not found.alive or directory_of(found.pid) != data.resolve():
        return None
    return found


def _children_on(data: Path) -> list[int]:
    return standing_in(data.resolve(), "postgres")


def _move(new: Path, data: Path) -> None:
    """Put the finished directory in its place, durably; initdb itself has synced what is in it."""
    if data.exists():
        data.rmdir()
    new.rename(data)
    fsync_directory(data.parent)
