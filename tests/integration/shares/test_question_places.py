"""The waiting questions of one account, over several chat servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from appliance.db.pool import Database
from appliance.shares.errors import TooManyOfYoursWaitingError
from appliance.shares.model import Limit
from appliance.shares.places import GiveBack, PlaceLocks, QuestionPlaces

ALICE, BOB = UUID(int=1), UUID(int=2)
LIMIT = Limit(at_once=2, of_one=1, waiting_of_one=6)
# Two servers: each lends what may run and one more, and four places are shared.
MOST = 2 * 2 + 4
Servers = Callable[[], QuestionPlaces]


@pytest.fixture
async def chat_server(chat_database: Database) -> AsyncIterator[Servers]:
    """Make one of two chat servers."""
    async with AsyncExitStack() as stack:

        def new() -> QuestionPlaces:
            places = QuestionPlaces(PlaceLocks(chat_database.address), LIMIT, processes=2)
            stack.push_async_callback(places.aclose)
            return places

        yield new


async def take_all(*servers: QuestionPlaces, account: UUID = ALICE) -> list[GiveBack]:
    """Take places in turn until every server refuses."""
    taken: list[GiveBack] = []
    open_servers = list(servers)
    while open_servers:
        for each in list(open_servers):
            try:
                taken.append(await each.take(account))
            except TooManyOfYoursWaitingError:
                open_servers.remove(each)
    return taken


async def test_the_limit_holds_over_all_servers(chat_server: Servers) -> None:
    first, second = chat_server(), chat_server()
    assert len(await take_all(first, second)) == MOST
    assert len(await take_all(first, second, account=BOB)) == MOST


async def test_places_that_are_given_back_are_lent_again(chat_server: Servers) -> None:
    first, second = chat_server(), chat_server()
    for give_back in await take_all(first, second):
        give_back()
        give_back()
    async with asyncio.timeout(30):
        # Those of PostgreSQL come back a moment later.
        while len(taken := await take_all(first)) < MOST - 2:
            for give_back in taken:
                give_back()
            await asyncio.sleep(0.01)


async def test_a_server_that_ends_gives_its_places_back(chat_server: Servers) -> None:
    first, second = chat_server(), chat_server()
    await take_all(first)
    assert len(await take_all(second)) == 2
    await first.aclose()
    taken = 0
    async with asyncio.timeout(30):
        # PostgreSQL notices the end of a connection a moment later.
        while taken < 4:
            taken += len(await take_all(second))
    assert taken == 4


async def test_a_lost_connection_refuses_nobody_for_long(
    chat_server: Servers, database: Database
) -> None:
    first = chat_server()
    taken = await take_all(first)
    async with database.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    for give_back in taken:
        give_back()
    async with asyncio.timeout(30):
        while first._releases:
            await asyncio.sleep(0.01)
    assert len(await take_all(first)) == 6


async def test_a_request_that_is_cancelled_while_it_takes_a_place_keeps_none(
    chat_server: Servers,
) -> None:
    first, second = chat_server(), chat_server()
    own = [await first.take(ALICE) for _ in range(2)]
    for steps in range(30):
        task = asyncio.ensure_future(first.take(ALICE))
        for _ in range(steps):
            await asyncio.sleep(0.0005 if steps % 2 else 0)
        task.cancel()
        [result] = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(result, BaseException):
            result()
        async with asyncio.timeout(30):
            while len(taken := await take_all(second)) < 6:
                for give_back in taken:
                    give_back()
                await asyncio.sleep(0.01)
        for give_back in taken:
            give_back()
        async with asyncio.timeout(30):
            while second._releases:
                await asyncio.sleep(0.01)
    assert len(own) == 2


async def test_one_server_alone_asks_no_database() -> None:
    places = QuestionPlaces(PlaceLocks("host=/nowhere"), LIMIT, processes=1)
    assert len(await take_all(places)) == 7
