"""Claiming, signing in and staying signed in, against the real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from typing_extensions import override

from appliance.accounts.errors import (
    AccountLockedError,
    CurrentPasswordWrongError,
    InvitationUsedError,
    KeyRequiredError,
    LastOperatorError,
    NameTakenError,
    OwnAccountError,
    PersonUnknownError,
    SignInFailedError,
    TooManyAttemptsError,
    WeakPasswordError,
)
from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Scope
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import CLAIM_LASTS, SESSION_LASTS, Accounts
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.core.errors import ApplianceError, Audience, ForbiddenError, NotFoundError
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person
from tests.fakes.clock import FakeClock

HERE = "192.0.2.1"


class CountingPasswords(Passwords):
    """Counts how often a key was derived."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8)
        self.verified = 0

    @override
    def derive(self, parameters: str | None, password: str) -> bytes:
        self.verified += 1
        return super().derive(parameters, password)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def accounts(database: Database, clock: FakeClock) -> Accounts:
    return Accounts(database, clock, FAST_PASSWORDS)


@pytest.fixture
def chat_accounts(chat_database: Database, clock: FakeClock) -> Accounts:
    return Accounts(chat_database, clock, FAST_PASSWORDS)


async def test_the_holder_of_the_code_becomes_operator_once(accounts: Accounts) -> None:
    code = await accounts.new_claim_code(CommandLine())
    typed = code.text.lower().replace("-", " ")
    session = await accounts.claim(typed, "Olga", "Olga O.", PASSWORD)
    olga = await accounts.person(session.text)
    assert olga
    assert olga.role is Role.OPERATOR
    assert await accounts.is_claimed()
    with pytest.raises(InvitationUsedError, match="used"):
        await accounts.claim(code.text, "mallory", "M", PASSWORD)


async def test_of_two_claims_at_once_one_wins(accounts: Accounts) -> None:
    code = await accounts.new_claim_code(CommandLine())
    outcomes = await asyncio.gather(
        *(accounts.claim(code.text, name, name, PASSWORD) for name in ("anna", "berta")),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, InvitationUsedError) for outcome in outcomes) == 1


async def test_a_refused_password_leaves_the_code_good(accounts: Accounts) -> None:
    code = await accounts.new_claim_code(CommandLine())
    with pytest.raises(WeakPasswordError):
        await accounts.claim(code.text, "olga", "Olga", "short")
    assert (await accounts.claim(code.text, "olga", "Olga", PASSWORD)).text


async def test_a_member_s_name_cannot_be_claimed(database: Database, accounts: Accounts) -> None:
    await add_person(database, "alice")
    code = await accounts.new_claim_code(CommandLine())
    with pytest.raises(NameTakenError):
        await accounts.claim(code.text, "alice", "Alice", PASSWORD)


async def test_a_new_code_replaces_the_old_one_and_ends_by_itself(
    accounts: Accounts, clock: FakeClock
) -> None:
    old, new = (
        await accounts.new_claim_code(CommandLine()),
        await accounts.new_claim_code(CommandLine()),
    )
    for code in (old.text, new.text):
        if code is new.text:
            clock.advance(CLAIM_LASTS.total_seconds() + 1)
        with pytest.raises(InvitationUsedError):
            await accounts.claim(code, "olga", "Olga", PASSWORD)


async def test_a_code_lives_fifteen_minutes_or_as_long_as_the_start_says(
    database: Database, accounts: Accounts, clock: FakeClock
) -> None:
    code = await accounts.new_claim_code(CommandLine())
    assert code.expires_at == clock.now() + timedelta(minutes=15)
    longer = Accounts(database, clock, FAST_PASSWORDS, claim_lasts=timedelta(hours=2))
    code = await longer.new_claim_code(CommandLine())
    clock.advance(3600)
    assert (await longer.claim(code.text, "olga", "Olga", PASSWORD)).text


async def test_wrong_codes_are_throttled_by_address_and_the_right_one_still_works(
    accounts: Accounts,
) -> None:
    code = await accounts.new_claim_code(CommandLine())
    refused: list[type[Exception]] = []
    for number in range(7):
        with pytest.raises(ApplianceError) as error:
            await accounts.claim(f"{number:020}", "mallory", "M", PASSWORD, address="192.0.2.66")
        refused.append(error.type)
    assert refused[:5] == [InvitationUsedError] * 5
    assert refused[5:] == [TooManyAttemptsError] * 2
    with pytest.raises(TooManyAttemptsError):
        await accounts.check_claim_code(code.text, address="192.0.2.66")
    assert (await accounts.claim(code.text, "olga", "Olga", PASSWORD, address=HERE)).text


async def test_a_lost_operator_password_is_replaced_by_a_new_claim(
    database: Database, accounts: Accounts
) -> None:
    await add_person(database, "olga", Role.OPERATOR)
    session = await accounts.sign_in("olga", PASSWORD, HERE)
    code = await accounts.new_claim_code(CommandLine())
    await accounts.claim(code.text, "olga", "Olga", "quite another secret")
    assert await accounts.person(session.text) is None
    assert (await accounts.sign_in("olga", "quite another secret", HERE)).text


async def test_signing_in_and_out_with_the_chat_role_s_rights(
    database: Database, chat_accounts: Accounts
) -> None:
    alice = await add_person(database, "alice")
    token = await chat_accounts.sign_in(" Alice ", PASSWORD, HERE)
    assert await chat_accounts.person(token.text) == alice
    await chat_accounts.sign_out(token.text)
    assert await chat_accounts.person(token.text) is None


async def test_a_session_in_use_stays_and_an_unused_one_ends(
    database: Database, accounts: Accounts, chat_accounts: Accounts, clock: FakeClock
) -> None:
    await add_person(database, "alice")
    token = await chat_accounts.sign_in("alice", PASSWORD, HERE)
    clock.advance(SESSION_LASTS.total_seconds() - 60)
    await chat_accounts.extend_session(token.text)
    clock.advance(SESSION_LASTS.total_seconds() - 60)
    assert await chat_accounts.person(token.text) is not None
    clock.advance(120)
    assert await chat_accounts.person(token.text) is None
    assert await accounts.sweep() == 1


async def test_operators_choose_how_long_a_browser_stays_signed_in(
    database: Database, clock: FakeClock
) -> None:
    days = timedelta(days=10)

    def lasts() -> timedelta:
        return days

    accounts = Accounts(database, clock, FAST_PASSWORDS, lasts)
    await add_person(database, "carol")
    first = await accounts.sign_in("carol", PASSWORD, HERE)
    clock.advance(timedelta(days=9).total_seconds())
    await accounts.extend_session(first.text)
    clock.advance(timedelta(days=9).total_seconds())
    assert await accounts.person(first.text) is not None
    clock.advance(timedelta(days=1).total_seconds())
    assert await accounts.person(first.text) is None
    # A shorter time counts from the next visit, or from the nightly clean-up.
    second = await accounts.sign_in("carol", PASSWORD, HERE)
    clock.advance(timedelta(days=3).total_seconds())
    days = timedelta(days=2)
    await accounts.sweep()
    assert await accounts.person(second.text) is None


async def test_a_wrong_claim_code_costs_no_hash(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> str:
        pytest.fail("a stranger made the machine hash a password")

    monkeypatch.setattr(FAST_PASSWORDS, "new", fail)
    with pytest.raises(InvitationUsedError):
        await accounts.claim("AAAAA-AAAAA-AAAAA-AAAAA", "mallory", "M", PASSWORD)


async def test_a_wrong_code_for_a_password_costs_no_hash(
    chat_accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> str:
        pytest.fail("a stranger made the machine hash a password")

    monkeypatch.setattr(FAST_PASSWORDS, "new", fail)
    with pytest.raises(InvitationUsedError):
        await chat_accounts.set_password("AAAAA-AAAAA-AAAAA-AAAAA", PASSWORD)


async def test_an_invited_person_sets_a_password_once(
    database: Database, chat_accounts: Accounts, clock: FakeClock
) -> None:
    olga = await add_person(database, "olga", Role.OPERATOR)
    _, code = await People(database, clock).add(olga, "bob", "Bob", Role.MEMBER)
    with pytest.raises(SignInFailedError):
        await chat_accounts.sign_in("bob", "!", HERE)
    bob = await chat_accounts.person((await chat_accounts.set_password(code.text, PASSWORD)).text)
    assert bob
    assert bob.name == "bob"
    assert (await chat_accounts.sign_in("bob", PASSWORD, HERE)).text
    with pytest.raises(InvitationUsedError):
        await chat_accounts.set_password(code.text, "another password 1")


async def test_locking_ends_sessions_and_keys_at_once(
    database: Database, chat_accounts: Accounts, chat_database: Database, clock: FakeClock
) -> None:
    olga = await add_person(database, "olga", Role.OPERATOR)
    alice = await add_person(database, "alice")
    token = await chat_accounts.sign_in("alice", PASSWORD, HERE)
    keys = ApiKeys(chat_database, clock)
    _, secret = await keys.create(alice, alice, "script", [Scope.CHAT], 30)
    assert (await keys.holder(secret.text)).account == alice
    await People(database, clock).set_locked(olga, alice.id, locked=True)
    assert await chat_accounts.person(token.text) is None
    with pytest.raises(KeyRequiredError):
        await keys.holder(secret.text)
    with pytest.raises(AccountLockedError, match="locked"):
        await chat_accounts.sign_in("alice", PASSWORD, HERE)


async def test_the_last_operator_stays(database: Database, clock: FakeClock) -> None:
    olga = await add_person(database, "olga", Role.OPERATOR)
    people = People(database, clock)
    with pytest.raises(LastOperatorError):
        await people.set_locked(olga, olga.id, locked=True)
    with pytest.raises(LastOperatorError):
        await people.set_role(olga, olga.id, Role.MEMBER)
    with pytest.raises(LastOperatorError):
        await people.remove(olga, olga.id)


async def test_no_operator_locks_or_removes_themselves(
    database: Database, clock: FakeClock
) -> None:
    olga = await add_person(database, "olga", Role.OPERATOR)
    await add_person(database, "oskar", Role.OPERATOR)
    people = People(database, clock)
    with pytest.raises(OwnAccountError):
        await people.set_locked(olga, olga.id, locked=True)
    with pytest.raises(OwnAccountError):
        await people.remove(olga, olga.id)
    await people.set_locked(CommandLine(), olga.id, locked=True)


async def test_only_operators_see_and_change_people(database: Database, clock: FakeClock) -> None:
    alice = await add_person(database, "alice")
    people = People(database, clock)
    with pytest.raises(ForbiddenError):
        await people.all(alice)
    with pytest.raises(ForbiddenError):
        await people.set_role(alice, alice.id, Role.OPERATOR)


async def test_a_key_is_its_owner_s_alone_and_ends_by_itself(
    database: Database, chat_database: Database, clock: FakeClock
) -> None:
    alice, bob = await add_person(database, "alice"), await add_person(database, "bob")
    keys = ApiKeys(chat_database, clock)
    key, secret = await keys.create(alice, alice, "script", [Scope.SEARCH], 1)
    assert await keys.mine(bob) == []
    with pytest.raises(NotFoundError):
        await keys.revoke(bob, bob, key.id)
    holder = await keys.holder(secret.text)
    assert holder.scopes == {Scope.SEARCH}
    clock.advance(24 * 3600 + 1)
    with pytest.raises(KeyRequiredError):
        await keys.holder(secret.text)


async def test_changing_the_password_needs_the_old_one(
    database: Database, chat_accounts: Accounts
) -> None:
    alice = await add_person(database, "alice")
    with pytest.raises(CurrentPasswordWrongError, match="current password is wrong"):
        await chat_accounts.change_password(alice, "not the old one", "a new long password")
    await chat_accounts.change_password(alice, PASSWORD, "a new long password")
    assert (await chat_accounts.sign_in("alice", "a new long password", HERE)).text


async def test_only_the_right_password_learns_that_the_account_is_locked(
    database: Database, chat_database: Database, clock: FakeClock
) -> None:
    alice = await add_person(database, "alice")
    await People(database, clock).set_locked(CommandLine(), alice.id, locked=True)
    passwords = CountingPasswords()
    accounts = Accounts(chat_database, clock, passwords)
    for name, password in (("alice", "wrong password"), ("nobody", PASSWORD)):
        with pytest.raises(SignInFailedError):
            await accounts.sign_in(name, password, HERE)
    with pytest.raises(AccountLockedError):
        await accounts.sign_in("alice", PASSWORD, HERE)
    # The same work each time: the time says nothing, either.
    assert passwords.verified == 3
    # A right password is no guess.
    for _ in range(9):
        with pytest.raises(AccountLockedError):
            await accounts.sign_in("alice", PASSWORD, HERE)


async def test_a_name_is_found_however_it_is_spelt(database: Database, clock: FakeClock) -> None:
    accounts, people = Accounts(database, clock, FAST_PASSWORDS), People(database, clock)
    for typed, later in (
        ("Ümit", "U\u0308MIT"),
        ("Straße@Example.org", "STRASSE@example.ORG"),
        ("Νίκος", "ΝΊΚΟΣ"),
        ("ᏣᎳᎩ", "ꮳꮃꭹ"),
    ):
        made, code = await people.add(CommandLine(), typed, "", Role.MEMBER)
        await accounts.set_password(code.text, PASSWORD)
        assert await people.by_name(later) == made
        assert (await accounts.sign_in(later, PASSWORD, HERE)).text
        with pytest.raises(NameTakenError):
            await people.add(CommandLine(), later, "", Role.MEMBER)


async def test_an_unknown_name_leads_the_command_line_to_the_names(database: Database) -> None:
    people = People(database, FakeClock())
    with pytest.raises(PersonUnknownError) as caught:
        await people.by_name("ada")
    assert caught.value.words_for(Audience.COMMAND_LINE).hint == (
        "`cloister user list` shows every sign-in name."
    )
