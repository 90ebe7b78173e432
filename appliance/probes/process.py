"""What the kernel says about processes; a number alone may have been given to another one since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """The fields of /proc/PID/stat that say which process it is."""

    pid: int
    name: str
    state: str
    group: int
    session: int
    start_time: int

    @property
    def alive(self) -> bool:
        """Whether it still runs: a zombie has ended, and only its number is kept."""
        return self.state not in {"Z", "X"}


def facts(pid: int) -> ProcessFacts | None:
    """Return what the kernel says about `pid`, or None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may itself hold brackets.
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    name = head.partition("(")[2]
    return ProcessFacts(pid, name, fields[0], int(fields[2]), int(fields[3]), int(fields[19]))


def processes() -> Iterator[ProcessFacts]:
    """Yield every process that is alive at the moment."""
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (found := facts(int(entry.name))) and found.alive:
            yield found


def members(session: int) -> list[ProcessFacts]:
    """Return what is alive in a session or in the process group of the same number."""
    return [found for found in processes() if session in {found.session, found.group}]


def alive(pid: int, start_time: int) -> bool:
    """Whether `pid` is alive and is the process that began at `start_time`."""
    found = facts(pid)
    return found is not None and found.alive and found.start_time == start_time


def directory_of(pid: int) -> Path | None:
    """Return the working directory of a process, or None when it is gone or another account's."""
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def standing_in(directory: Path, name: str) -> list[int]:
    """Return the processes of a program whose working directory is `directory`."""
    named = [found.pid for found in processes() if found.name == name]
    return [pid for pid in named if directory_of(pid) == directory]


def boot_identity() -> str:
    """Return an identifier that the machine has until it boots again."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()
