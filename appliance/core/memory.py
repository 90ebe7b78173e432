"""Give memory back to the system that a burst of work has left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

EVERY_SECONDS = 30.0


def system_trim() -> Callable[[], object]:
    """Return glibc's `malloc_trim`, which finds free pages also between those in use.

    By itself glibc returns only what is free at the end of the heap. Other C libraries have no such
    function, and need none.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return (lambda: trim(0)) if trim is not None else (lambda: None)


@asynccontextmanager
async def giving_memory_back(
    *, every: float = EVERY_SECONDS, trim: Callable[[], object] | None = None
) -> AsyncIterator[None]:
    """Give unused memory back from time to time while the block runs."""
    task = asyncio.create_task(_repeat(every, trim or system_trim()), name="give memory back")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(every: float, trim: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(every)
        # The interpreter's lock is free meanwhile, so that the event loop goes on.
        await asyncio.to_thread(trim)
