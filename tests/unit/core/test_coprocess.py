"""A coprocess answers in turn, and neither a death, a hang nor a cancelled caller spoils it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from appliance.core.coprocess import Coprocess, CoprocessError
from appliance.core.process import Command
from appliance.core.python import module_environment

PROGRAM = """
import os, sys, time
from appliance.core.coprocess import read_request, write_answer
while (request := read_request(sys.stdin.buffer)) is not None:
    if request == b"die":
        os._exit(3)
    if request == b"hang":
        time.sleep(60)
    if request.startswith(b"slow"):
        time.sleep(0.2)
    if request.startswith(b"large"):
        request *= 100000
    write_answer(sys.stdout.buffer, request.upper())
"""


def command() -> Command:
    return (sys.executable, "-P", "-c", PROGRAM)


def opened(deadline: float = 20.0, idle: float = 60.0) -> Coprocess:
    return Coprocess("test", command(), deadline=deadline, env=module_environment(), idle=idle)


async def test_it_starts_with_the_first_request_and_answers_in_turn() -> None:
    async with opened() as program:
        before = program.pid
        answers = await asyncio.gather(*(program.ask(b"a%d" % number) for number in range(20)))
        assert answers == [b"A%d" % number for number in range(20)]
        assert await program.ask(b"large ") == b"LARGE " * 100000
        pid = program.pid
    assert before is None
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


async def test_a_caller_that_is_cancelled_spoils_nothing() -> None:
    async with opened() as program:
        await program.ask(b"a")
        pid = program.pid
        for steps in range(6):
            asked = asyncio.create_task(program.ask(b"slow"))
            for _ in range(steps):
                await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert await program.ask(b"b") == b"B"
        assert program.pid == pid


async def test_after_its_death_the_next_request_starts_it_again() -> None:
    async with opened() as program:
        with pytest.raises(CoprocessError):
            await program.ask(b"die")
        assert await program.ask(b"a") == b"A"


async def test_a_hang_is_ended_by_the_deadline() -> None:
    async with opened(deadline=2.0) as program:
        await program.ask(b"a")
        hung = program.pid
        with pytest.raises(CoprocessError):
            await program.ask(b"hang")
        assert not Path(f"/proc/{hung}").exists()


async def test_without_requests_it_ends() -> None:
    async with opened(idle=0.05) as program:
        await program.ask(b"a")
        async with asyncio.timeout(30):
            while program.pid is not None:
                await asyncio.sleep(0.01)
        assert await program.ask(b"b") == b"B"


async def test_a_program_that_does_not_exist_is_an_error() -> None:
    async with Coprocess("none", ("/nonexistent/program",), deadline=5.0) as program:
        with pytest.raises(CoprocessError):
            await program.ask(b"a")


async def test_what_waits_when_it_is_closed_gets_an_error() -> None:
    async with opened() as program:
        asked = [asyncio.create_task(program.ask(b"hang")) for _ in range(3)]
        await asyncio.sleep(0.05)
    for each in asked:
        with pytest.raises(CoprocessError):
            await each
    with pytest.raises(CoprocessError):
        await program.ask(b"a")
