"""Signs of life of a process with an event loop, which tell a busy process from a dead one.

A thread writes them, so they come also while the loop is busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

BEAT_SECONDS = 1.0
# The supervisor's account reads it as a member of the group.
_MODE = 0o640

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beat:
    """One sign of life of process `pid`: when it was written, and when its loop last made a turn.

    Both are seconds of the machine's monotonic clock, which all processes share.
    """

    pid: int
    written: float
    turned: float


def read_beat(path: Path) -> Beat | None:
    """Return the last sign of life, or None where there is none."""
    try:
        pid, written, turned = path.read_text("ascii").split()
        return Beat(int(pid), float(written), float(turned))
    except (OSError, ValueError):
        return None


@asynccontextmanager
async def heartbeat(
    path: Path, *, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[None]:
    """Write signs of life of this process and the running loop to `path` while the block runs."""
    loop, ended = asyncio.get_running_loop(), threading.Event()
    turned = monotonic()
    timer: asyncio.TimerHandle

    def turn() -> None:
        nonlocal turned, timer
        turned = monotonic()
        timer = loop.call_later(BEAT_SECONDS, turn)

    def write_until_ended() -> None:
        is_failing = False
        while not ended.wait(BEAT_SECONDS):
            try:
                _write(path, Beat(os.getpid(), monotonic(), turned))
                is_failing = False
            except OSError as error:
                if not is_failing:
                    logger.warning("heartbeat cannot be written: %s", error)
                is_failing = True

    timer = loop.call_later(0, turn)
    await asyncio.to_thread(_write, path, Beat(os.getpid(), turned, turned))
    threading.Thread(target=write_until_ended, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        timer.cancel()
        ended.set()
        await asyncio.to_thread(_forget, path)


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _write(path: Path, beat: Beat) -> None:
    """Replace the file: a reader sees one sign of life or the next, and never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    try:
        os.write(descriptor, f"{beat.pid} {beat.written:.3f} {beat.turned:.3f}\n".encode())
    finally:
        os.close(descriptor)
    new.replace(path)
