"""A callback that keeps the loop is counted and named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from appliance.core.slow_callbacks import SlowCallbacks, attribute_to, watch

SLOW = 0.05


@pytest.fixture
def found() -> Iterator[SlowCallbacks]:
    counted = SlowCallbacks()
    end = watch(slow=SLOW, found=counted)
    yield counted
    end()


def block() -> None:
    time.sleep(2 * SLOW)


async def waits_after_it() -> None:
    block()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_quick_callback_is_not_counted(found: SlowCallbacks) -> None:
    await asyncio.create_task(asyncio.sleep(2 * SLOW))
    assert found.longest_seconds < 2 * SLOW


async def test_a_slow_step_of_a_task_is_named(
    found: SlowCallbacks, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.create_task(waits_after_it())
    assert found.count >= 1
    assert found.longest_seconds >= 2 * SLOW
    (line,) = [text for text in caplog.messages if "waits_after_it" in text]
    assert "slow callback seconds=0." in line
    assert "cpu_seconds=0.0" in line
    assert "test_slow_callbacks.py:" in line


async def test_a_slow_plain_callback_is_named(
    found: SlowCallbacks, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().call_soon(block)
    async with asyncio.timeout(10):
        while not any("source=block (" in text for text in caplog.messages):
            await asyncio.sleep(0.01)


def handler() -> None:
    """Stands for the function that answers a request."""


async def serve_like_a_library(run: object) -> None:
    assert callable(run)
    run()
    await asyncio.sleep(0)


async def test_the_function_of_a_request_is_named_instead_of_the_servers_loop(
    found: SlowCallbacks, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        attribute_to(handler)
        block()

    await asyncio.create_task(serve_like_a_library(work))
    assert any("source=handler (" in text for text in caplog.messages)


async def test_after_its_end_nothing_is_counted() -> None:
    counted = SlowCallbacks()
    watch(slow=SLOW, found=counted)()
    await asyncio.create_task(waits_after_it())
    assert counted.count == 0
