"""One turn at a time over all processes, and it never outlives its holder."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest

from appliance.core.errors import BusyError, DatabaseUnavailableError
from appliance.db.pool import Database
from appliance.shares.turns import MachineTurn
from tests.appliance import ROOT

Turns = Callable[..., MachineTurn]
# Another process that takes the turn, says so, and never gives it back.
HOLDER = """
import asyncio, sys
from appliance.shares.turns import MachineTurn
async def main():
    async with MachineTurn(sys.argv[1], "test").hold():
        print("held", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
async def turn(chat_database: Database) -> AsyncIterator[Turns]:
    """Make turns of the same name, each as another process would."""
    async with AsyncExitStack() as stack:

        def new(patience: float = 30.0) -> MachineTurn:
            made = MachineTurn(chat_database.address, "test", patience=patience)
            stack.push_async_callback(made.aclose)
            return made

        yield new


async def test_one_process_at_a_time_in_the_order_of_arrival(
    turn: Turns, database: Database
) -> None:
    order: list[int] = []
    active = 0

    async def work(number: int) -> None:
        nonlocal active
        async with turn().hold():
            active += 1
            assert active == 1
            order.append(number)
            await asyncio.sleep(0.02)
            active -= 1

    async with asyncio.TaskGroup() as group, turn().hold():
        for number in range(4):
            group.create_task(work(number))
            await until_waiting(database, number + 1)
        assert order == []
    assert order == [0, 1, 2, 3]


async def until_waiting(database: Database, count: int) -> None:
    """Wait until so many connections wait for an advisory lock."""
    async with asyncio.timeout(30), database.connection() as connection:
        while True:
            rows = await connection.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if await rows.fetchone() == (count,):
                return
            await asyncio.sleep(0.01)


async def test_a_process_that_is_killed_frees_the_turn(
    turn: Turns, chat_database: Database
) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, chat_database.address, cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        async with asyncio.timeout(60):
            assert await holder.stdout.readline() == b"held\n"
            with pytest.raises(BusyError):
                async with turn(patience=0.2).hold():
                    pass
            holder.send_signal(signal.SIGKILL)
            async with turn().hold():
                pass
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


async def test_a_turn_is_free_again_after_a_cancellation_at_any_moment(turn: Turns) -> None:
    ours, theirs = turn(), turn()

    async def work() -> None:
        async with ours.hold():
            await asyncio.sleep(0)

    for steps in range(40):
        task = asyncio.ensure_future(work())
        for _ in range(steps):
            await asyncio.sleep(0.0005 if steps % 2 else 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(10), theirs.hold():
            pass


async def test_a_failure_inside_frees_the_turn(turn: Turns) -> None:
    async def fail() -> None:
        async with turn().hold():
            message = "inside"
            raise ValueError(message)

    with pytest.raises(ValueError, match="inside"):
        await fail()
    async with asyncio.timeout(10), turn().hold():
        pass


async def test_a_lost_connection_is_replaced_at_the_next_turn(
    turn: Turns, database: Database
) -> None:
    ours = turn()
    async with ours.hold():
        pass
    async with database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_advisory_unlock%' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    async with ours.hold():
        pass


async def test_without_a_database_it_says_so() -> None:
    address = psycopg.conninfo.make_conninfo(host="/nowhere", dbname="none", connect_timeout=1)
    with pytest.raises(DatabaseUnavailableError):
        async with MachineTurn(address, "test").hold():
            pass
