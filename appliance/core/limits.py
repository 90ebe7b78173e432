"""Limits of a program, and the command line that starts it within them."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

# We may have ended before the signal was asked for. The first argument is our process number. The
# shell adds PWD to the environment.
_UNLESS_ORPHANED = 'test "$PPID" = "$1" || exit; shift; unset PWD; exec "$@"'


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use at most: bytes of memory, seconds of processor, bytes of a file.

    `tasks` is how many processes and threads its account may have before it can start another one;
    the kernel does not count those of root.
    """

    memory: int | None = None
    cpu_seconds: int | None = None
    file_size: int | None = None
    tasks: int | None = None

    def given(self) -> dict[str, int]:
        """Return the limits that there are, by their names."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


def within_limits(argv: tuple[str, ...], limits: Limits | None) -> tuple[str, ...]:
    """Return the command that runs `argv` within `limits`, and that ends when we do.

    Small programs do it, because code between fork and exec is unsafe in a process with threads.
    """
    limits = limits or Limits()
    wanted = (
        *(("as", limits.memory), ("cpu", limits.cpu_seconds)),
        *(("fsize", limits.file_size), ("nproc", limits.tasks)),
    )
    options = tuple(f"--{name}={value}" for name, value in wanted if value is not None)
    return (
        *("setpriv", "--pdeathsig=KILL", "--no-new-privs", "--"),
        *("sh", "-c", _UNLESS_ORPHANED, "sh", str(os.getpid())),
        *("prlimit", "--core=0", *options, "--"),
        *argv,
    )
