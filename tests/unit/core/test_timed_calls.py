"""A call that does not return has a deadline, and keeps neither process nor other work waiting."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.core import timed_calls
from appliance.core.timed_calls import NoAnswerError, TimedCalls
from tests.appliance import ROOT

PROGRAM = """
import asyncio, os, sys
from appliance.core.timed_calls import NoAnswerError, TimedCalls

async def main():
    try:
        await TimedCalls(0.2).run(os.open, sys.argv[1], os.O_RDONLY)
    except NoAnswerError:
        print("it hangs")

asyncio.run(main())
"""


async def test_it_returns_what_the_call_returns_and_raises_what_it_raises() -> None:
    calls = TimedCalls(10)
    assert await calls.run(int, "12", base=8) == 10
    with pytest.raises(FileNotFoundError):
        await calls.run(os.stat, "/no/such/file")


async def test_an_overdue_call_is_refused_company_until_it_returns() -> None:
    calls, go_on, asked = TimedCalls(0.1), threading.Event(), list[int]()
    with pytest.raises(NoAnswerError):
        await calls.run(go_on.wait)
    with pytest.raises(NoAnswerError):
        await calls.run(asked.append, 1)
    assert asked == []
    go_on.set()
    async with asyncio.timeout(10):
        while True:
            try:
                await calls.run(asked.append, 2)
                break
            except NoAnswerError:
                await asyncio.sleep(0.01)
    assert asked == [2]


async def test_a_call_of_a_cancelled_caller_may_end_first() -> None:
    calls, go_on, began = TimedCalls(10), threading.Event(), threading.Event()

    def wait() -> None:
        began.set()
        go_on.wait()

    calling = asyncio.create_task(calls.run(wait))
    await asyncio.to_thread(began.wait)
    calling.cancel()
    await asyncio.sleep(0)
    assert not calling.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await calls.run(int, "1") == 1


async def test_one_that_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_calls, "_LAST_SECONDS", 0.1)
    calls, go_on = TimedCalls(10), threading.Event()
    calling = asyncio.create_task(calls.run(go_on.wait))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    with pytest.raises(NoAnswerError):
        await calls.run(int, "1")
    go_on.set()


def test_the_process_ends_although_the_call_never_returns(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    # To open a pipe that has no writer hangs.
    os.mkfifo(pipe)
    command = [sys.executable, "-c", PROGRAM, str(pipe)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"it hangs\n", b"")
