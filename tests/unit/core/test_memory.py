"""Memory that was used for a moment goes back to the system."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from textwrap import dedent

from appliance.core.memory import collecting_early, giving_memory_back


async def test_it_is_given_back_until_the_block_ends() -> None:
    calls: list[None] = []
    enough = asyncio.Event()

    def trim() -> None:
        calls.append(None)
        if len(calls) == 3:
            loop.call_soon_threadsafe(enough.set)

    loop = asyncio.get_running_loop()
    async with giving_memory_back(every=0.01, trim=trim):
        async with asyncio.timeout(30):
            await enough.wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_pages_between_those_in_use_go_back() -> None:
    """In a process of its own: what this one has allocated before would blur it."""
    program = dedent("""
        from appliance.core.memory import system_trim

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096

        blocks = [bytes(60_000) for _ in range(1000)]
        kept = blocks[::100]
        del blocks
        before = resident()
        system_trim()()
        print(before - resident())
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 30_000_000


class Node:
    """An object that can refer to itself."""

    def __init__(self) -> None:
        self.me = self


async def test_garbage_is_collected_while_nothing_happens() -> None:
    gc.disable()
    try:
        async with giving_memory_back(every=0.01, trim=lambda: None), asyncio.timeout(30):
            # Made inside: what exists before the block is exempt.
            node = weakref.ref(Node())
            while node() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


def test_what_exists_before_is_exempt_only_inside() -> None:
    frozen, thresholds = gc.get_freeze_count(), gc.get_threshold()
    with collecting_early():
        assert gc.get_freeze_count() > frozen
    assert (gc.get_freeze_count(), gc.get_threshold()) == (frozen, thresholds)


_MOST_GARBAGE = """
import collections
import contextlib
from appliance.core.memory import collecting_early

class Request:
    alive = most = 0

    def __init__(self):
        self.me = self
        Request.alive += 1
        Request.most = max(Request.most, Request.alive)

    def __del__(self):
        Request.alive -= 1

modules = [[number] for number in range(400_000)]
with {block}:
    running = collections.deque(maxlen=2_000)
    for _ in range(200_000):
        running.append(Request())
print(Request.most)
"""


def _most_garbage(block: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _MOST_GARBAGE.format(block=block)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stdout)


def test_garbage_stays_small_beside_many_objects() -> None:
    """In processes of their own: each collector starts afresh."""
    most = _most_garbage("collecting_early()")
    assert most < 40_000
    assert most < _most_garbage("contextlib.nullcontext()") / 2
