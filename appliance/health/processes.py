"""Read from /proc which processes run for Cloister, what they see, and which sockets listen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
# The kernel puts these into every new network, switched off and without an address, where the
# modules for tunnels are loaded. A process without capabilities can neither switch them on nor
# give them an address.
TUNNELS = {
    "tunl0",
    "gre0",
    "gretap0",
    "erspan0",
    "sit0",
    "ip6tnl0",
    "ip6gre0",
    "ip_vti0",
    "ip6_vti0",
}
_SERVICE = re.compile(r"/(cloister[^/]*\.service)(?:/|$)", re.MULTILINE)
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, and its service of systemd if that is one of Cloister's."""

    pid: int
    name: str
    service: str | None


@dataclass(frozen=True, slots=True)
class Network:
    """What a process of Cloister sees of the network."""

    process: Process
    namespace: str
    interfaces: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that accepts connections on a port, and the processes that hold it."""

    port: int
    holders: tuple[Process, ...]


def host_namespace(proc: Path = PROC) -> str:
    """Return the network namespace of PID 1. Raises OSError for all but root."""
    return str((proc / "1" / "ns" / "net").readlink())


def processes(proc: Path = PROC) -> Iterator[Process]:
    """Yield all processes, except the ones that end meanwhile."""
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                name = (entry / "comm").read_text().strip()
                service = _SERVICE.search((entry / "cgroup").read_text())
                yield Process(int(entry.name), name, service[1] if service else None)


def networks(proc: Path = PROC) -> Iterator[Network]:
    """Yield the network of each process of Cloister's services.

    Raises PermissionError when one may not be looked at: leaving it out would hide it.
    """
    for process in processes(proc):
        if process.service:
            with suppress(FileNotFoundError, ProcessLookupError):
                entry = proc / str(process.pid)
                # Two lines of headings, then a line an interface.
                lines = (entry / "net" / "dev").read_text().splitlines()[2:]
                names = (line.partition(":")[0].strip() for line in lines)
                interfaces = frozenset(name for name in names if name not in TUNNELS)
                yield Network(process, str((entry / "ns" / "net").readlink()), interfaces)


def listeners(ports: frozenset[int], proc: Path = PROC) -> list[Listener]:
    """Return the sockets that listen on these ports in the host's network."""
    sockets = {
        inode: port
        for table in ("tcp", "tcp6")
        for port, inode in _listening(proc / "1" / "net" / table)
        if port in ports
    }
    holders: dict[str, list[Process]] = {inode: [] for inode in sockets}
    for process in processes(proc):
        for inode in _sockets(proc / str(process.pid) / "fd") & sockets.keys():
            holders[inode].append(process)
    return [Listener(port, tuple(holders[inode])) for inode, port in sockets.items()]


def _listening(table: Path) -> Iterator[tuple[int, str]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == LISTENING:
            yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _sockets(folder: Path) -> set[str]:
    found = set()
    try:
        for entry in folder.iterdir():
            if match := _SOCKET.fullmatch(str(entry.readlink())):
                found.add(match[1])
    except OSError:
        return found
    return found
