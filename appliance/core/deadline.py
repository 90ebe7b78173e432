"""Wait for work no longer than agreed, and let work end whose caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")
# The event loop itself keeps no task alive; these go on without their caller.
_ABANDONED: set[asyncio.Task[Any]] = set()


async def abandon_after(seconds: float, work: Coroutine[Any, Any, Value]) -> Value:
    """Return what `work` returns. Raises TimeoutError after so many seconds.

    Work that is cancelled may take its time to end: it asks a server to stop, or closes a stream.
    `asyncio.timeout` would wait for that; here the work is cancelled and its end is not awaited.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not task.done():
        _abandon(task)
        raise TimeoutError
    return task.result()


async def carry_through(work: Coroutine[Any, Any, Value]) -> Value:
    """Return what `work` returns; it goes on to its end when the caller is cancelled.

    Use it for work that is short and must not stop half-way, such as closing a connection.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _let_go(task)
        raise


def _abandon(task: asyncio.Task[Any]) -> None:
    _let_go(task)
    task.cancel()


def _let_go(task: asyncio.Task[Any]) -> None:
    _ABANDONED.add(task)
    task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _ABANDONED.discard(task)
    if not task.cancelled():
        # No caller waits any more for what goes wrong after the deadline.
        task.exception()
