"""Turn this process into another program, as a service of systemd does after its preparation."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from appliance.core.process import Command, environment

# What systemd passes to a service (sd_notify(3), sd_listen_fds(3), systemd.exec(5)).
INHERITED_FROM_SYSTEMD = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "JOURNAL_STREAM",
    "RUNTIME_DIRECTORY",
)


@dataclass(frozen=True, slots=True)
class OutputFilter:
    """A program that carries what another one writes, and holds a lock until all is carried."""

    argv: Command
    lock: Path


def exec_program(
    argv: Command, env: Mapping[str, str], *, output: OutputFilter | None = None
) -> NoReturn:
    """Turn this process into another program, which keeps its number and its open sockets.

    The program gets what systemd passed to this process, beside its own environment. What it
    writes goes where this process wrote, by way of the program that `output` names.
    """
    inherited = {name: os.environ[name] for name in INHERITED_FROM_SYSTEMD if name in os.environ}
    if output:
        _write_through(output)
    # Python ignores these two, and what is ignored would stay ignored in the next program.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(argv[0], argv, environment({**inherited, **env}))  # noqa: S606 - no shell is wanted


def _write_through(output: OutputFilter) -> None:
    """Start a program that reads what this process writes from now on.

    It is not a child of this process: a server that finds a child which it did not start may take
    the end of that child for the crash of one of its own. The lock is taken here, so that it is
    held however soon this process ends; the descriptor makes it the other program's.
    """
    reading, writing = os.pipe()
    lock = os.open(output.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    inherited = [int(entry.name) for entry in os.scandir("/proc/self/fd")]
    closed = [(os.POSIX_SPAWN_CLOSE, number) for number in inherited if _is_passed_on(number)]
    actions = [
        (os.POSIX_SPAWN_DUP2, reading, 0),
        *closed,
        (os.POSIX_SPAWN_DUP2, lock, 3),
    ]
    detached = ("setsid", "--fork", *output.argv)
    pid = os.posix_spawnp(detached[0], detached, environment(), file_actions=actions)
    os.waitpid(pid, 0)
    for number in (1, 2):
        os.dup2(writing, number)


def _is_passed_on(number: int) -> bool:
    """Whether a program that is started would get this descriptor, beside the standard ones."""
    try:
        return number > 2 and os.get_inheritable(number)
    except OSError:
        return False
