"""Few look-ups at once; a crowd waits in order, and fails together when the database is gone."""

from __future__ import annotations

import asyncio

import pytest

from appliance.accounts.lookups import Lookups
from appliance.core.errors import DatabaseBusyError, DatabaseUnavailableError


async def test_few_ask_at_once_in_the_order_of_arrival() -> None:
    lookups = Lookups(at_once=2)
    active = most = 0
    order: list[int] = []

    async def find(number: int) -> int:
        nonlocal active, most
        active += 1
        most = max(most, active)
        order.append(number)
        await asyncio.sleep(0)
        active -= 1
        return number

    async def ask(number: int) -> int:
        return await lookups.ask(lambda: find(number))

    assert await asyncio.gather(*map(ask, range(9))) == list(range(9))
    assert (most, order) == (2, list(range(9)))


async def test_who_waited_while_the_database_was_gone_asks_it_no_more() -> None:
    lookups = Lookups(at_once=1)
    asked = 0

    async def find() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        raise DatabaseUnavailableError

    results = await asyncio.gather(*(lookups.ask(find) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {DatabaseUnavailableError}
    assert asked == 1
    # The next one tries.
    with pytest.raises(DatabaseUnavailableError):
        await lookups.ask(find)
    assert asked == 2


async def test_a_busy_database_refuses_no_other_request() -> None:
    lookups = Lookups(at_once=1)
    outcomes = [DatabaseBusyError(), None, None]

    async def find() -> None:
        await asyncio.sleep(0)
        if outcome := outcomes.pop(0):
            raise outcome

    results = await asyncio.gather(*(lookups.ask(find) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseBusyError, type(None), type(None)]
