"""Who is said to have made codes and keys."""

from __future__ import annotations

import pytest

from appliance.accounts.errors import KeyRequiredError
from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine, System
from appliance.core.clock import SystemClock
from appliance.core.errors import ForbiddenError
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.people import FAST_PASSWORDS, PASSWORD


async def test_a_claim_code_is_recorded_with_who_made_it(database: Database) -> None:
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    await accounts.new_claim_code(CommandLine())
    await accounts.new_claim_code(System())
    assert await audited(database) == [
        ("command line", "claim_code.create", ""),
        ("the appliance", "claim_code.create", ""),
    ]


async def test_a_key_of_one_s_own_has_the_same_words_at_both_ends_of_its_life(
    chat_database: Database, database: Database, alice: Account
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    key, secret = await keys.create(alice, alice, "script", [Scope.CHAT], 1)
    await keys.revoke(alice, alice, key.id)
    named = f"{key.prefix} of alice"
    assert secret.text.startswith(key.prefix)
    assert await audited(database) == [
        ("alice", "api_key.create", named),
        ("alice", "api_key.revoke", named),
    ]


async def test_no_person_makes_or_revokes_a_key_of_another(
    chat_database: Database, alice: Account, bob: Account, olga: Account
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    with pytest.raises(ForbiddenError):
        await keys.create(olga, alice, "script", [Scope.CHAT], 1)
    key, _ = await keys.create(alice, alice, "script", [Scope.CHAT], 1)
    with pytest.raises(ForbiddenError):
        await keys.revoke(bob, alice, key.id)
    with pytest.raises(ForbiddenError):
        await keys.of_person(bob, alice.id)


async def test_an_operator_sees_and_revokes_the_keys_of_others(
    database: Database, chat_database: Database, alice: Account, olga: Account
) -> None:
    made, _ = await ApiKeys(chat_database, SystemClock()).create(
        alice, alice, "script", [Scope.CHAT], 1
    )
    keys = ApiKeys(database, SystemClock())
    assert await keys.of_person(olga, alice.id) == (alice, [made])
    await keys.revoke(olga, alice, made.id)
    assert await audited(database) == [
        ("alice", "api_key.create", f"{made.prefix} of alice"),
        ("olga", "api_key.revoke", f"{made.prefix} of alice"),
    ]


async def test_a_new_password_leaves_keys_alone_or_revokes_all(
    database: Database, chat_database: Database, alice: Account, bob: Account
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    accounts = Accounts(chat_database, SystemClock(), FAST_PASSWORDS)
    secrets = [
        (await keys.create(owner, owner, "script", [Scope.CHAT], 1))[1]
        for owner in (alice, alice, bob)
    ]
    await accounts.change_password(alice, PASSWORD, "a second password")
    assert [(await keys.holder(secret.text)).account for secret in secrets] == [alice, alice, bob]
    await accounts.change_password(alice, "a second password", "a third password", revoke_keys=True)
    for secret in secrets[:2]:
        with pytest.raises(KeyRequiredError):
            await keys.holder(secret.text)
    assert (await keys.holder(secrets[2].text)).account == bob
    actions = [row[:2] for row in await audited(database)]
    assert actions[-3:] == [
        ("alice", "password.change"),
        ("alice", "api_key.revoke"),
        ("alice", "api_key.revoke"),
    ]
