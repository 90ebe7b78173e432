"""Give memory back to the system that a burst of work has left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

EVERY_SECONDS = 30.0
# The interpreter's own, but for the last: a full collection follows two of the middle generation,
# not ten.
_THRESHOLDS = (700, 10, 2)


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
    """Keep the process small while the block runs; enter it before the process has work.

    Cyclic garbage is collected early, and unused memory goes back to the system from time to time.
    """
    with collecting_early():
        task = asyncio.create_task(_repeat(every, trim or system_trim()), name="give memory back")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextmanager
def collecting_early() -> Iterator[None]:
    """Collect cyclic garbage often while the block runs, and what exists before it never.

    An arena of the interpreter returns to the system only when it is empty, which it hardly is
    again after a burst: the most memory that a burst needs is what the process keeps. By default
    the garbage of cycles may grow to a quarter of all objects. Without the modules a full
    collection takes milliseconds, so that it can be frequent.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    # Only a full collection counts the objects anew, of which garbage may be a quarter.
    gc.collect()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _repeat(every: float, trim: Callable[[], object]) -> None:
    while True:
        await asyncio.sleep(every)
        gc.collect()
        # The interpreter's lock is free meanwhile, so that the event loop goes on.
        await asyncio.to_thread(trim)
