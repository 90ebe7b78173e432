"""Who may use the repository at the same time: many who add and read, or one who removes.

restic has locks of its own, which outlive a process that was killed. This one ends with its
process, so that a lock of restic that is found while this one is held is a leftover.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.files import private_directory
from appliance.repository.errors import RepositoryBusyError

_POLL_SECONDS = 0.2


@asynccontextmanager
async def shared(path: Path, clock: Clock, *, patience: float) -> AsyncIterator[None]:
    """Keep others from removing anything. Raises RepositoryBusyError after `patience` seconds."""
    async with _locked(path, fcntl.LOCK_SH, clock, patience):
        yield


@asynccontextmanager
async def exclusive(path: Path, clock: Clock, *, patience: float) -> AsyncIterator[None]:
    """Keep all others out. Raises RepositoryBusyError after `patience` seconds."""
    async with _locked(path, fcntl.LOCK_EX, clock, patience):
        yield


@asynccontextmanager
async def _locked(path: Path, kind: int, clock: Clock, patience: float) -> AsyncIterator[None]:
    deadline = clock.monotonic() + patience
    descriptor = await asyncio.to_thread(_opened, path)
    try:
        while not _try(descriptor, kind):
            if clock.monotonic() > deadline:
                raise RepositoryBusyError
            await clock.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open the lock's file, which the package has made; a clone makes it here."""
    # A descriptor that can only be read is enough: packaged, another account owns the file.
    options = os.O_RDONLY | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, options)
    private_directory(path.parent)
    return os.open(path, options | os.O_CREAT, 0o600)


def _try(descriptor: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False
