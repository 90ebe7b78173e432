"""Work that takes too long is left behind, and what it returns or raises in time arrives."""

from __future__ import annotations

import asyncio

import pytest

from appliance.core.deadline import abandon_after, carry_through


async def at_once() -> str:
    return "done"


async def broken() -> str:
    raise KeyError("x")


async def test_what_comes_in_time_arrives() -> None:
    assert await abandon_after(5, at_once()) == "done"
    with pytest.raises(KeyError):
        await abandon_after(5, broken())


async def test_work_that_refuses_to_end_is_left_behind_and_may_still_fail() -> None:
    released, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await released.wait()
            ended.set()
            raise KeyError("too late for anybody to care")

    with pytest.raises(TimeoutError):
        await abandon_after(0.01, stubborn())
    assert not ended.is_set()
    released.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_caller_that_is_cancelled_cancels_the_work() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    caller = asyncio.create_task(abandon_after(60, work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_work_that_must_not_stop_half_way_goes_on_without_its_caller() -> None:
    began, released, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def closing() -> None:
        began.set()
        await released.wait()
        ended.set()

    caller = asyncio.create_task(carry_through(closing()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not ended.is_set()
    released.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_what_was_carried_through_arrives() -> None:
    assert await carry_through(at_once()) == "done"
    with pytest.raises(KeyError):
        await carry_through(broken())
