"""Who holds a session while the database comes and goes, with a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from admin import database_breaker
from admin.auth import ConsoleIdentity
from admin.database_breaker import Breaker
from admin.rescue import Rescue
from appliance.accounts.model import Account
from appliance.accounts.service import Accounts
from appliance.actors.model import RescueCode
from appliance.core.deadline import abandon_after
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database, conninfo
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rescue(clock: FakeClock) -> Rescue:
    return Rescue(clock)


@pytest.fixture
def accounts(database: Database, clock: FakeClock) -> Accounts:
    return Accounts(database, clock, FAST_PASSWORDS)


@asynccontextmanager
async def identity_of(
    tmp_path: Path, rescue: Rescue, clock: FakeClock
) -> AsyncIterator[ConsoleIdentity]:
    """Lend an identity whose database is not there."""
    async with Database(conninfo(tmp_path, "cloister"), wait=0.2) as dark:
        yield ConsoleIdentity(Accounts(dark, clock, FAST_PASSWORDS), Breaker(clock), rescue)


async def test_a_session_of_the_database_cannot_be_confirmed_without_it(
    accounts: Accounts, olga: Account, rescue: Rescue, clock: FakeClock, tmp_path: Path
) -> None:
    token = (await accounts.sign_in(olga.name, PASSWORD, "192.0.2.1")).text
    assert await ConsoleIdentity(accounts, Breaker(clock), rescue).confirmed(token) == olga
    async with identity_of(tmp_path, rescue, clock) as identity:
        await identity.extend_session(token)
        assert await identity.person(token) is None
        with pytest.raises(DatabaseUnavailableError):
            await identity.confirmed(token)


async def test_a_rescue_session_counts_without_the_database_alone(
    accounts: Accounts, rescue: Rescue, clock: FakeClock, tmp_path: Path
) -> None:
    token = rescue.use(rescue.new_code().text, "192.0.2.1").text
    assert await ConsoleIdentity(accounts, Breaker(clock), rescue).confirmed(token) is None
    async with identity_of(tmp_path, rescue, clock) as identity:
        assert await identity.confirmed(token) == RescueCode()
        await identity.sign_out(token)
        assert await identity.person(token) is None


async def hang() -> None:
    """Answer like a database that was paused."""
    await asyncio.Event().wait()


async def test_after_a_silence_the_next_questions_are_short(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker = Breaker(clock, patience=0.2, short=0.001)
    allowed = []

    async def recorded(seconds: float, work: Coroutine[Any, Any, None]) -> None:
        allowed.append(seconds)
        await abandon_after(seconds, work)

    async def ask_in_vain() -> None:
        with pytest.raises(DatabaseUnavailableError):
            await breaker.ask(hang)

    monkeypatch.setattr(database_breaker, "abandon_after", recorded)
    await ask_in_vain()
    await ask_in_vain()
    clock.advance(3)
    await ask_in_vain()
    assert allowed == [0.2, 0.001, 0.2]


async def test_a_database_that_is_back_is_noticed_at_once(
    database: Database, accounts: Accounts, clock: FakeClock
) -> None:
    outage = Breaker(clock, patience=0.01)
    with pytest.raises(DatabaseUnavailableError):
        await outage.ask(hang)
    assert await outage.ask(accounts.is_claimed) is False


async def test_a_database_without_our_tables_counts_as_down(
    database: Database, clock: FakeClock
) -> None:
    async def read() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT * FROM core.no_such_table")

    with pytest.raises(DatabaseUnavailableError):
        await Breaker(clock).ask(read)
