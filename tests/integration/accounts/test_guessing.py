"""Guesses that come together, and what happens to a password while it is being checked."""

from __future__ import annotations

import asyncio
import threading

import pytest
from typing_extensions import override

from appliance.accounts.errors import AccountLockedError, SignInFailedError, TooManyAttemptsError
from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.accounts.store import AccountStore
from appliance.actors.model import CommandLine
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD, let_attempts_age
from tests.fakes.clock import FakeClock

HERE = "192.0.2.1"
NEW = "a new long password"


class HeldPasswords(Passwords):
    """Counts keys; has derived one by the time it is held up."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8)
        self.checked = 0
        self.derived = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    @override
    def derive(self, parameters: str | None, password: str) -> bytes:
        self.checked += 1
        key = super().derive(parameters, password)
        self.derived.set()
        self.may_go_on.wait(10)
        return key


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def passwords() -> HeldPasswords:
    return HeldPasswords()


@pytest.fixture
def accounts(chat_database: Database, clock: FakeClock, passwords: HeldPasswords) -> Accounts:
    """The chat server's, with its role's rights only."""
    return Accounts(chat_database, clock, passwords)


@pytest.fixture
def elsewhere(chat_database: Database, clock: FakeClock) -> Accounts:
    """The same in another process."""
    return Accounts(chat_database, clock, FAST_PASSWORDS)


async def test_guesses_at_once_are_checked_no_more_than_guesses_in_turn(
    alice: Account, accounts: Accounts, passwords: HeldPasswords
) -> None:
    outcomes = await asyncio.gather(
        *(accounts.sign_in("alice", f"guess {number}", HERE) for number in range(40)),
        return_exceptions=True,
    )
    assert passwords.checked == 5
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds.count(SignInFailedError) == 5
    assert kinds.count(TooManyAttemptsError) == 35


async def test_a_colleague_at_the_same_address_gets_in_meanwhile(
    alice: Account, bob: Account, accounts: Accounts
) -> None:
    for _ in range(5):
        with pytest.raises(SignInFailedError):
            await accounts.sign_in("alice", "mistyped", HERE)
    with pytest.raises(TooManyAttemptsError):
        await accounts.sign_in("alice", PASSWORD, HERE)
    assert (await accounts.sign_in("bob", PASSWORD, HERE)).text


async def test_the_old_password_is_guessed_no_faster_than_at_the_door(
    alice: Account, accounts: Accounts, database: Database
) -> None:
    for _ in range(5):
        with pytest.raises(SignInFailedError):
            await accounts.change_password(alice, "a guess", NEW)
    with pytest.raises(TooManyAttemptsError):
        await accounts.change_password(alice, PASSWORD, NEW)
    # Who guesses in an open browser does not shut its owner out.
    assert (await accounts.sign_in("alice", PASSWORD, HERE)).text
    await let_attempts_age(database, 60)
    await accounts.change_password(alice, PASSWORD, NEW)


async def sessions_of(database: Database) -> int:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT count(*) FROM core.session")
        return int((await rows.fetchall())[0][0])


async def derived(passwords: HeldPasswords) -> None:
    async with asyncio.timeout(30):
        while not passwords.derived.is_set():
            await asyncio.sleep(0.002)


async def test_a_sign_in_under_way_does_not_survive_a_change_of_the_password(
    alice: Account,
    accounts: Accounts,
    elsewhere: Accounts,
    passwords: HeldPasswords,
    database: Database,
) -> None:
    passwords.may_go_on.clear()
    thief = asyncio.ensure_future(accounts.sign_in("alice", PASSWORD, HERE))
    await derived(passwords)
    await elsewhere.change_password(alice, PASSWORD, NEW)
    passwords.may_go_on.set()
    with pytest.raises(SignInFailedError):
        await thief
    assert await sessions_of(database) == 0


async def test_a_sign_in_under_way_does_not_survive_a_lock(
    alice: Account,
    accounts: Accounts,
    passwords: HeldPasswords,
    database: Database,
    clock: FakeClock,
) -> None:
    passwords.may_go_on.clear()
    under_way = asyncio.ensure_future(accounts.sign_in("alice", PASSWORD, HERE))
    await derived(passwords)
    people = People(database, clock)
    await people.set_locked(CommandLine(), alice.id, locked=True)
    passwords.may_go_on.set()
    with pytest.raises(AccountLockedError):
        await under_way
    await people.set_locked(CommandLine(), alice.id, locked=False)
    assert await sessions_of(database) == 0


async def test_a_session_waits_for_a_change_that_is_not_committed_yet(
    alice: Account, accounts: Accounts, database: Database
) -> None:
    async with database.transaction() as connection:
        store = AccountStore(connection)
        await store.set_password(alice.id, FAST_PASSWORDS.new(NEW))
        await store.end_sessions_of(alice.id)
        under_way = asyncio.ensure_future(accounts.sign_in("alice", PASSWORD, HERE))
        async with asyncio.timeout(30):
            while not await _somebody_waits(database):
                await asyncio.sleep(0.01)
    with pytest.raises(SignInFailedError):
        await under_way
    assert await sessions_of(database) == 0


async def _somebody_waits(database: Database) -> bool:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool((await rows.fetchall())[0][0])


async def test_a_change_under_way_does_not_undo_another(
    alice: Account, accounts: Accounts, elsewhere: Accounts, passwords: HeldPasswords
) -> None:
    passwords.may_go_on.clear()
    thief = asyncio.ensure_future(accounts.change_password(alice, PASSWORD, "the thief's own one"))
    await derived(passwords)
    await elsewhere.change_password(alice, PASSWORD, NEW)
    passwords.may_go_on.set()
    with pytest.raises(SignInFailedError):
        await thief
    assert (await elsewhere.sign_in("alice", NEW, HERE)).text
