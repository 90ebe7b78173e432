"""Who is said to have made codes and keys."""

from __future__ import annotations

import pytest

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine, System
from appliance.core.clock import SystemClock
from appliance.core.errors import ForbiddenError
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.people import FAST_PASSWORDS


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
    chat_database: Database, alice: Account, olga: Account
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    with pytest.raises(ForbiddenError):
        await keys.create(olga, alice, "script", [Scope.CHAT], 1)
    key, _ = await keys.create(alice, alice, "script", [Scope.CHAT], 1)
    with pytest.raises(ForbiddenError):
        await keys.revoke(olga, alice, key.id)
