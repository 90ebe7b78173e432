"""How guessing is slowed down: by what, in all processes together, and whom it leaves alone."""

from __future__ import annotations

import secrets
import sys

import pytest

from appliance.accounts.errors import SignInFailedError, TooManyAttemptsError
from appliance.accounts.hashing import Hashing
from appliance.accounts.model import Account, NewSession, Proof
from appliance.accounts.service import Accounts
from appliance.accounts.store import AccountStore
from appliance.core.clock import SystemClock
from appliance.core.process import run
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person, let_attempts_age

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.99"
GUESS = """
import asyncio, sys
from appliance.accounts.errors import SignInFailedError, TooManyAttemptsError
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.core.clock import SystemClock
from appliance.db.pool import Database

async def main():
    async with Database(sys.argv[1]) as database:
        accounts = Accounts(database, SystemClock(), Passwords(time_cost=1, memory_cost=8))
        for number in range(4):
            try:
                await accounts.sign_in("alice", f"guess {number}", "192.0.2.1")
            except (SignInFailedError, TooManyAttemptsError) as error:
                print(error.code)

asyncio.run(main())
"""


@pytest.fixture
def accounts(chat_database: Database) -> Accounts:
    return Accounts(chat_database, SystemClock(), FAST_PASSWORDS)


async def fail(accounts: Accounts, name: str, address: str = HERE, device: str = "") -> None:
    with pytest.raises(SignInFailedError):
        await accounts.sign_in(name, "a wrong password", address, device)


async def is_delayed(accounts: Accounts, name: str, address: str = HERE, device: str = "") -> bool:
    try:
        await accounts.sign_in(name, PASSWORD, address, device)
    except TooManyAttemptsError:
        return True
    return False


async def test_two_processes_count_together(alice: Account, chat_database: Database) -> None:
    guesser = (sys.executable, "-c", GUESS, chat_database.address)
    first, second = await run(guesser, timeout=60.0), await run(guesser, timeout=60.0)
    codes = (first.stdout + second.stdout).decode().split()
    assert codes == ["sign_in_failed"] * 5 + ["too_many_attempts"] * 3, first.stderr + second.stderr


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_guessing_is_slowed_down_also_for_unknown_names(
    alice: Account, accounts: Accounts, database: Database, name: str
) -> None:
    for _ in range(5):
        await fail(accounts, name)
    assert await is_delayed(accounts, name)
    await let_attempts_age(database, 3)
    await fail(accounts, name)
    await let_attempts_age(database, 3)
    assert await is_delayed(accounts, name)


async def test_a_wait_passes_and_the_right_password_ends_the_count(
    alice: Account, accounts: Accounts, database: Database
) -> None:
    for _ in range(5):
        await fail(accounts, "alice")
    await let_attempts_age(database, 3)
    assert not await is_delayed(accounts, "alice")
    for _ in range(4):
        await fail(accounts, "alice")
    assert not await is_delayed(accounts, "alice")


async def test_a_known_browser_is_not_delayed_by_strangers_at_the_same_address(
    alice: Account, accounts: Accounts
) -> None:
    device = secrets.token_urlsafe()
    await accounts.sign_in("alice", PASSWORD, HERE, device)
    for _ in range(5):
        await fail(accounts, "alice", device="a browser that nobody has signed in with")
    assert await is_delayed(accounts, "alice")
    assert not await is_delayed(accounts, "alice", device=device)
    # It is known for its person alone, and guesses in it count by themselves.
    await add_person_who_fails(accounts)
    for _ in range(5):
        await fail(accounts, "alice", device=device)
    assert await is_delayed(accounts, "alice", device=device)


async def add_person_who_fails(accounts: Accounts) -> None:
    for _ in range(5):
        await fail(accounts, "bob")
    assert await is_delayed(accounts, "bob")


async def test_an_invited_person_s_browser_is_known_at_once(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT core.open_session(%s, 'x', sha256('device'), now(), now())", (alice.id,)
        )
        await cursor.fetchall()
    for _ in range(5):
        await fail(accounts, "alice")
    assert await is_delayed(accounts, "alice")
    assert not await is_delayed(accounts, "alice", device="device")


async def test_one_name_is_slowed_down_over_all_networks(
    alice: Account, accounts: Accounts
) -> None:
    for number in range(50):
        await fail(accounts, "alice", f"198.51.100.{number}")
    assert await is_delayed(accounts, "alice", ELSEWHERE)


async def test_many_names_from_one_network_are_slowed_down(
    alice: Account, accounts: Accounts
) -> None:
    for number in range(50):
        await fail(accounts, f"person{number}")
    assert await is_delayed(accounts, "alice")
    assert not await is_delayed(accounts, "alice", ELSEWHERE)


async def test_another_address_of_the_same_network_is_no_way_around(
    alice: Account, accounts: Accounts
) -> None:
    for number in range(5):
        await fail(accounts, "alice", f"2001:db8::{number}")
    assert await is_delayed(accounts, "alice", "2001:db8::ffff")
    assert not await is_delayed(accounts, "alice", "2001:db8:0:1::1")


async def test_one_program_with_an_old_password_leaves_its_colleagues_alone(
    alice: Account, accounts: Accounts, database: Database
) -> None:
    for _ in range(60):
        await fail(accounts, "old program")
        await let_attempts_age(database, 301)
    assert not await is_delayed(accounts, "alice")


async def test_names_that_get_in_at_last_do_not_weigh_on_their_network(
    database: Database, accounts: Accounts
) -> None:
    for number in range(60):
        await add_person(database, f"person{number}")
        await fail(accounts, f"person{number}")
        assert not await is_delayed(accounts, f"person{number}")


async def test_a_refusal_under_load_is_no_failed_attempt(
    alice: Account, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> bytes:
        raise TooManyAttemptsError(seconds=2)

    with monkeypatch.context() as patch:
        patch.setattr(Hashing, "derive", refuse)
        for _ in range(20):
            assert await is_delayed(accounts, "alice")
    assert not await is_delayed(accounts, "alice")


async def test_strangers_who_fill_the_queue_do_not_refuse_a_known_browser(
    alice: Account, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = secrets.token_urlsafe()
    await accounts.sign_in("alice", PASSWORD, HERE, device)
    monkeypatch.setattr(accounts._hashing, "_most_waiting", 0)
    assert await is_delayed(accounts, "alice")
    assert not await is_delayed(accounts, "alice", device=device)


async def test_an_attempt_compares_one_key(alice: Account, chat_database: Database) -> None:
    now = SystemClock().now()
    session = NewSession(b"digest", None, now, now)
    async with chat_database.connection() as connection:
        store = AccountStore(connection)
        begun = await store.begin_attempt("alice", HERE, None)
        assert await store.sign_in(begun.attempt, "alice", b"a wrong key", session) is Proof.WRONG
        right = FAST_PASSWORDS.derive(begun.parameters, PASSWORD)
        assert await store.sign_in(begun.attempt, "alice", right, session) is Proof.WRONG
        assert await store.sign_in(None, "alice", right, session) is Proof.WRONG
        other = await store.begin_attempt("bob", HERE, None)
        assert await store.sign_in(other.attempt, "alice", right, session) is Proof.WRONG
        begun = await store.begin_attempt("alice", HERE, None)
        assert await store.sign_in(begun.attempt, "alice", right, session) is Proof.RIGHT


async def test_a_flood_of_names_does_not_fill_the_table(
    accounts: Accounts, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.login_attempt (bucket, network)"
            " SELECT substr(sha256(int4send(n)), 1, 2), 'network ' || n"
            " FROM generate_series(1, 30000) AS n"
        )
    await fail(accounts, "one more")
    assert await attempts(database) == 20_000
    await let_attempts_age(database, 3601)
    await fail(accounts, "one more")
    assert await attempts(database) == 1


async def attempts(database: Database) -> int:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT count(*) FROM core.login_attempt")
        return int((await rows.fetchall())[0][0])
