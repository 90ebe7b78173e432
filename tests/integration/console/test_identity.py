"""Who holds a session while the database comes and goes, with a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from admin.auth import ConsoleIdentity
from admin.database_breaker import Breaker
from admin.remembered import LIMIT, RememberedSessions
from admin.rescue import Rescue
from appliance.accounts.model import Account, Role
from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database, conninfo
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def remembered(tmp_path: Path) -> RememberedSessions:
    return RememberedSessions(tmp_path / "state" / "sessions.json")


@pytest.fixture
def rescue(clock: FakeClock) -> Rescue:
    return Rescue(clock)


@pytest.fixture
def accounts(database: Database, clock: FakeClock) -> Accounts:
    return Accounts(database, clock, FAST_PASSWORDS)


@pytest.fixture
def identity(
    accounts: Accounts, remembered: RememberedSessions, rescue: Rescue, clock: FakeClock
) -> ConsoleIdentity:
    return ConsoleIdentity(accounts, Breaker(clock), remembered, rescue, clock)


@pytest.fixture
async def olga(database: Database) -> Account:
    return await add_person(database, "olga", Role.OPERATOR)


@pytest.fixture
async def token(accounts: Accounts, olga: Account) -> str:
    return (await accounts.sign_in(olga.name, PASSWORD, "192.0.2.1")).text


async def in_the_dark(
    tmp_path: Path, remembered: RememberedSessions, rescue: Rescue, clock: FakeClock, token: str
) -> Account | None:
    """Ask who holds a token while no database is there."""
    async with Database(conninfo(tmp_path, "cloister"), wait=0.2) as dark:
        accounts = Accounts(dark, clock, FAST_PASSWORDS)
        identity = ConsoleIdentity(accounts, Breaker(clock), remembered, rescue, clock)
        await identity.seen(token)
        return await identity.person(token)


async def test_only_operators_are_remembered(
    identity: ConsoleIdentity,
    accounts: Accounts,
    remembered: RememberedSessions,
    database: Database,
    token: str,
) -> None:
    alice = await add_person(database, "alice")
    session = await accounts.sign_in(alice.name, PASSWORD, "192.0.2.1")
    assert await identity.person(session.text) == alice
    assert remembered.digests() == []
    await identity.person(token)
    assert len(remembered.digests()) == 1


async def test_a_remembered_operator_gets_in_until_the_limit(
    *,
    identity: ConsoleIdentity,
    remembered: RememberedSessions,
    rescue: Rescue,
    clock: FakeClock,
    olga: Account,
    token: str,
    tmp_path: Path,
) -> None:
    await identity.person(token)
    assert await in_the_dark(tmp_path, remembered, rescue, clock, token) == olga
    clock.advance(LIMIT.total_seconds())
    assert await in_the_dark(tmp_path, remembered, rescue, clock, token) is None


async def test_a_locked_operator_is_forgotten_at_the_next_review(
    *,
    identity: ConsoleIdentity,
    remembered: RememberedSessions,
    rescue: Rescue,
    clock: FakeClock,
    database: Database,
    olga: Account,
    token: str,
    tmp_path: Path,
) -> None:
    await identity.person(token)
    await add_person(database, "oscar", Role.OPERATOR)
    await People(database, clock).set_locked(None, olga.id, locked=True)
    await identity.review(database)
    assert await in_the_dark(tmp_path, remembered, rescue, clock, token) is None


async def test_a_demoted_operator_is_forgotten(
    identity: ConsoleIdentity,
    remembered: RememberedSessions,
    database: Database,
    token: str,
) -> None:
    await identity.person(token)
    async with database.connection() as connection:
        await connection.execute("UPDATE core.account SET role = 'member'")
    await identity.person(token)
    assert remembered.digests() == []


async def hang() -> None:
    """Answer like a database that was paused."""
    await asyncio.Event().wait()


async def test_after_a_silence_the_next_questions_are_short(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker = Breaker(clock, patience=0.2, short=0.001)
    allowed = []

    def timeout(seconds: float) -> asyncio.Timeout:
        allowed.append(seconds)
        return asyncio.Timeout(asyncio.get_running_loop().time() + seconds)

    async def ask_in_vain() -> None:
        with pytest.raises(DatabaseUnavailableError):
            await breaker.ask(hang)

    monkeypatch.setattr(asyncio, "timeout", timeout)
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
