"""The pool of a process."""

from __future__ import annotations

import asyncio

import pytest

from appliance.db.pool import Database


async def _cancelled_as_a_connection_comes_free(database: Database, moment: int) -> None:
    """Cancel a task that waits for the only connection, a few steps of the loop after its return.

    It ends with CancelledError, or the cancellation was lost.
    """

    async def wait_in_vain() -> None:
        async with database.connection():
            pass
        await asyncio.Event().wait()

    async with database.connection():
        waiting = asyncio.create_task(wait_in_vain())
        while not database._pool.get_stats().get("requests_waiting"):
            await asyncio.sleep(0)
    for _ in range(moment):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=1)
    was_lost = not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not was_lost, f"the cancellation at step {moment} was lost"


async def test_a_cancellation_is_never_lost_between_pool_and_task(database: Database) -> None:
    async with Database(database.address, size=1) as small:
        for moment in range(8):
            await _cancelled_as_a_connection_comes_free(small, moment)


async def test_a_task_that_was_cancelled_before_may_still_save(database: Database) -> None:
    saved = asyncio.Event()

    async def work(small: Database) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            async with small.connection() as connection:
                await connection.execute("SELECT 1")
            saved.set()

    async with Database(database.address, size=1) as small:
        working = asyncio.create_task(work(small))
        await asyncio.sleep(0)
        working.cancel()
        await working
    assert saved.is_set()
