"""Run the host's own programs, and wait for what they bring about."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.05


class MachineError(Exception):
    """A machine, or a program that serves one, did not do what it was asked."""


def run_program(
    *arguments: str, content: bytes | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[bytes]:
    """Run a program on the host to its end; a failure carries what it printed."""
    done = subprocess.run(
        arguments,
        input=b"" if content is None else content,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        printed = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise MachineError(f"{' '.join(arguments)} ended with {done.returncode}: {printed}")
    return done


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Return as soon as the condition holds; fail by naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise MachineError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(PAUSE_SECONDS)
