"""`cloister user`, `cloister api-key` and `cloister model` ask the supervisor."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from typing_extensions import override

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.errors import ConfirmationNeededError, DeclinedError
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.cli import ADDRESSES, run_verb


@pytest.fixture
def printed(context: Context, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb and return the JSON that it prints."""
    as_json = Context(context.settings, context.clock, Output(as_json=True))

    async def run(*words: str) -> Any:
        assert await run_verb(as_json, *words) == ExitCode.DONE
        return json.loads(capsys.readouterr().out)

    return run


async def test_a_person_is_added_with_a_link_and_listed(printed: Any, database: Database) -> None:
    added = await printed("user", "add", "brendan", "--display-name", "Brendan B.")
    assert added["link"].startswith(f"{ADDRESSES['chat']}/password#")
    (row,) = await printed("user", "list")
    assert (row["name"], row["displayed"], row["role"]) == ("brendan", "Brendan B.", "member")
    assert row["locked"] is False
    again = await printed("user", "invite", "brendan")
    assert again["link"] != added["link"]
    assert [row[:2] for row in await audited(database)] == [
        ("command line", "person.add"),
        ("command line", "person.invite"),
    ]


async def test_people_are_locked_and_promoted(printed: Any, alice: Account, olga: Account) -> None:
    assert await printed("user", "lock", "alice", "--yes") == {"name": "alice"}
    assert await printed("user", "make-operator", "alice") == {"name": "alice"}
    rows = {row["name"]: row for row in await printed("user", "list")}
    assert (rows["alice"]["locked"], rows["alice"]["role"]) == (True, "operator")
    await printed("user", "remove", "alice", "--yes")
    assert [row["name"] for row in await printed("user", "list")] == ["olga"]


async def test_the_command_line_does_not_act_in_the_name_of_the_key_s_owner(
    printed: Any, database: Database, alice: Account
) -> None:
    made = await printed("api-key", "create", "script", "--user", "alice", "--scope", "chat")
    (key,) = await ApiKeys(database, SystemClock()).mine(alice)
    assert made["key"].startswith(key.prefix)
    assert key.scopes == [Scope.CHAT]
    (listed,) = await printed("api-key", "list", "--user", "alice")
    assert "key" not in listed
    await printed("api-key", "revoke", str(key.id), "--user", "alice")
    assert await audited(database) == [
        ("command line", "api_key.create", f"{key.prefix} of alice"),
        ("command line", "api_key.revoke", f"{key.prefix} of alice"),
    ]


async def test_an_error_keeps_the_code_of_the_appliance(context: Context) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "user", "lock", "stranger", "--yes")
    assert refused.value.as_json()["code"] == "not_found"


async def test_times_are_printed_as_people_write_them(
    context: Context, alice: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_verb(context, "user", "list")
    day = alice.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    assert day in capsys.readouterr().out


class Terminal(io.StringIO):
    """Standard input at which a person answers."""

    @override
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("action", "follows"), [("lock", "stops"), ("remove", "deletes")])
async def test_it_says_what_follows_and_asks_first(
    *,
    context: Context,
    database: Database,
    alice: Account,
    olga: Account,
    action: str,
    follows: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await ApiKeys(database, SystemClock()).create(alice, alice, "script", [Scope.CHAT], 1)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO chat.conversation (account_id, title) VALUES (%s, 'What is this?')",
            (alice.id,),
        )
    people = People(database, SystemClock())
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    with pytest.raises(DeclinedError):
        await run_verb(context, "user", action, "alice")
    asked = capsys.readouterr().err
    for fact in (follows, "1 API key", "1 conversation", "0 private documents", "0 sessions"):
        assert fact in asked
    assert ("0 documents in the shared library" in asked) == (action == "remove")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(ConfirmationNeededError, match="1 conversation"):
        await run_verb(context, "user", action, "alice")
    assert (await people.by_name("alice")) == alice
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert await run_verb(context, "user", action, "alice") == ExitCode.DONE
    left = [account for account in await people.all(CommandLine()) if account.locked_at is None]
    assert left == [olga]


@pytest.mark.parametrize("action", ["lock", "remove"])
async def test_the_last_operator_stays(context: Context, olga: Account, action: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "user", action, "olga", "--yes")
    assert refused.value.as_json()["code"] == "last_operator"
