"""Memory that was used for a moment goes back to the system."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from textwrap import dedent

from appliance.core.memory import giving_memory_back


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
