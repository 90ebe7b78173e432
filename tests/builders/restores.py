"""A machine whose operations run in processes of their own, as the account of a clone."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from typing_extensions import override

from appliance.backup.manifest import TableSum
from appliance.backup.store import table_sums
from appliance.core.settings import Settings
from appliance.db.pool import conninfo
from appliance.operations.errors import OperationError
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Outcome
from appliance.units.exchange import Places
from tests.appliance import ROOT
from tests.builders.backups import BackedUp
from tests.postgres import binaries, unprivileged

ACCOUNT = "nobody" if os.geteuid() == 0 else None


def settings_in(home: Path) -> Settings:
    """Return the settings of a clone with its data in `home`, and make its folders."""
    settings = Settings(home, account=ACCOUNT)
    settings.run.mkdir(parents=True)
    settings.documents.mkdir()
    return settings


def hand_over(folder: Path) -> None:
    """Let the account of the appliance own all files below a folder."""
    if ACCOUNT is not None:
        for path in (folder, *folder.rglob("*")):
            account = pwd.getpwnam(ACCOUNT)
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


_EMPTIED = (
    "DELETE FROM core.setting",
    "DELETE FROM chat.conversation",
    "DELETE FROM library.document",
    "DELETE FROM library.embedding_model",
    "DELETE FROM library.collection WHERE owner_id IS NOT NULL",
    "DELETE FROM core.account",
)


@dataclass
class Machine(BackedUp):
    """A home of a clone, whose operations are processes of its account."""

    @override
    async def do(self, name: str, **request: object) -> dict[str, Any]:
        return self.run(name, **request)

    def run(self, name: str, **request: object) -> dict[str, Any]:
        """Carry out an operation, and return what it found. Raises OperationError."""
        return run_operation(self.settings, name, request)

    def empty(self) -> None:
        """Remove what an earlier test left in the database."""
        for statement in _EMPTIED:
            self.execute(statement)

    @override
    def add_document(self, content: bytes, name: str = "report.txt") -> str:
        digest = super().add_document(content, name)
        hand_over(self.settings.documents)
        return digest

    def sums(self) -> dict[str, TableSum]:
        """Return the sums of the tables of the running database."""
        return sums_at(self.owner)


def run_operation(
    settings: Settings, name: str, request: Mapping[str, object], largest_file: int | None = None
) -> dict[str, Any]:
    """Carry out an operation on a home, and return what it found. Raises OperationError.

    No file that it writes becomes larger than `largest_file` bytes.
    """
    process = start_operation(settings, name, request, largest_file)
    _, errors = process.communicate(timeout=200)
    result = OperationFolder(settings.operations / name).result()
    assert result is not None, errors.decode()
    if result.outcome is not Outcome.DONE:
        raise OperationError(result)
    return dict(result.found)


def start_operation(
    settings: Settings, name: str, request: Mapping[str, object], largest_file: int | None = None
) -> subprocess.Popen[bytes]:
    """Start an operation as the supervisor of a clone does."""
    folder = settings.operations / name
    folder.mkdir(parents=True, exist_ok=True)
    OperationFolder(folder).ask(request)
    hand_over(settings.operations)
    limit = [] if largest_file is None else ["prlimit", f"--fsize={largest_file}"]
    return subprocess.Popen(
        unprivileged([*limit, sys.executable, "-m", "appliance", "operation", name]),
        cwd=ROOT,
        env={**os.environ, **settings.as_environment(), "HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End an operation and what it has started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def sums_at(address: str) -> dict[str, TableSum]:
    """Return the sums of the tables of a database, also inside a running loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _sums(address)).result()


async def _sums(address: str) -> dict[str, TableSum]:
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        return await table_sums(connection)


@contextmanager
def restored_database(settings: Settings) -> Iterator[str]:
    """Put a restored database in its place as the next start does, serve it, lend its address."""
    Places(settings.database).put_in_place()
    with served(settings.database) as address:
        yield address


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Serve a data directory while the block runs; lend the address of its database."""
    socket = data.parent / "socket"
    socket.mkdir(exist_ok=True)
    hand_over(socket)
    control = [str(binaries() / "pg_ctl"), "-D", str(data), "-w", "-l", str(socket / "log")]
    options = f"-c listen_addresses= -c unix_socket_directories={socket}"
    subprocess.run(unprivileged([*control, "-o", options, "start"]), check=True, stdout=-3)
    try:
        yield conninfo(socket, "cloister")
    finally:
        subprocess.run(unprivileged([*control, "-m", "fast", "stop"]), check=True, stdout=-3)


def rows_at(address: str, statement: str, *values: object) -> list[Any]:
    """Run one statement, and return its rows."""
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []
