"""Adding people, and what an operator does to them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from bs4 import BeautifulSoup

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.actors.permissions import Role
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person
from tests.builders.retrieval import Library
from tests.http.console.conftest import ConsoleBrowser

NEW = {"name": "Carla", "display_name": "Carla C.", "role": "member"}


async def account(database: Database, name: str) -> Account:
    return await People(database, SystemClock()).by_name(name)


async def test_a_new_person_gets_a_link_that_is_shown_once(
    as_olga: ConsoleBrowser, database: Database, settings: Settings
) -> None:
    answer = await as_olga.post("/admin/people", NEW)
    assert answer.status == 200
    page = BeautifulSoup(await answer.text(), "html.parser")
    shown = page.select_one("#invitation")
    assert shown is not None
    address, _, code = shown.text.partition("#")
    assert address == f"{settings.address}/password"
    assert code not in await as_olga.text("/admin/people")
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    session = await accounts.set_password(code, "some unrelated words")
    carla = await accounts.person(session.text)
    assert carla
    assert carla.display_name == "Carla C."


async def test_what_was_typed_stays_when_it_is_wrong(
    as_olga: ConsoleBrowser, alice: Account
) -> None:
    for changes, status, words in (
        ({"name": ""}, 422, "Please fill this in."),
        ({"role": "king"}, 422, "Please choose one of these."),
        ({"name": "alice"}, 409, "Another person signs in as"),
        ({"name": "two words"}, 422, "cannot be a sign-in name"),
    ):
        answer = await as_olga.post("/admin/people", NEW | changes)
        assert answer.status == status
        page = await answer.text()
        assert words in page
        assert "Carla C." in page


async def test_a_new_link_is_made_for_an_existing_person(
    as_olga: ConsoleBrowser, alice: Account
) -> None:
    answer = await as_olga.post(f"/admin/people/{alice.id}/invite")
    assert answer.status == 200
    assert "Send this link to Alice" in await answer.text()


async def test_the_dialogs_count_what_follows(
    as_olga: ConsoleBrowser, alice: Account, database: Database
) -> None:
    keys = ApiKeys(database, SystemClock())
    for name in ("one", "two"):
        await keys.create(alice, alice, name, [Scope.CHAT], 1)
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    await accounts.sign_in(alice.name, PASSWORD, "192.0.2.7", "a browser")
    await Library(database).collection("My documents", alice)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO chat.conversation (account_id, title) VALUES (%s, 'What is this?')",
            (alice.id,),
        )
        await connection.execute(
            "INSERT INTO library.document (collection_id, uploaded_by, file_name, digest, size)"
            " SELECT id, %s, name, repeat('a', 64), 1 FROM library.collection"
            " WHERE owner_id IS NULL OR owner_id = %s",
            (alice.id, alice.id),
        )
    page = BeautifulSoup(await as_olga.text("/admin/people"), "html.parser")
    lock, remove = (page.select_one(f"#{verb}-{alice.id} p") for verb in ("lock", "remove"))
    assert lock
    assert remove
    for dialog in (lock.text, remove.text):
        for fact in ("1 session", "2 API keys", "1 conversation", "1 private document"):
            assert fact in dialog
    assert "Kept for when they are unlocked" in lock.text
    assert "Kept in the shared library: 1 document" in remove.text


async def test_roles_locks_and_removal(
    as_olga: ConsoleBrowser, alice: Account, database: Database
) -> None:
    here = f"/admin/people/{alice.id}"
    assert (await as_olga.post(f"{here}/role", {"role": "operator"})).status == 303
    assert (await account(database, "alice")).role is Role.OPERATOR
    assert (await as_olga.post(f"{here}/role", {"role": "member"})).status == 303
    assert (await as_olga.post(f"{here}/lock")).status == 303
    assert (await account(database, "alice")).locked_at is not None
    assert "locked" in await as_olga.text("/admin/people")
    assert (await as_olga.post(f"{here}/unlock")).status == 303
    assert (await account(database, "alice")).locked_at is None
    assert (await as_olga.post(f"{here}/role", {"role": "king"})).status == 422
    assert (await as_olga.post(f"{here}/remove")).status == 303
    assert (await as_olga.post(f"{here}/remove")).status == 404


@pytest.mark.parametrize(
    ("verb", "fields"), [("lock", {}), ("remove", {}), ("role", {"role": "member"})]
)
async def test_the_last_operator_stays(
    as_olga: ConsoleBrowser, olga: Account, verb: str, fields: dict[str, str]
) -> None:
    answer = await as_olga.post(f"/admin/people/{olga.id}/{verb}", fields)
    assert answer.status == 409
    assert "only operator" in await answer.text()


async def test_a_removed_person_is_not_found(as_olga: ConsoleBrowser) -> None:
    for verb in ("invite", "lock", "unlock", "remove"):
        assert (await as_olga.post(f"/admin/people/{uuid4()}/{verb}")).status == 404
    assert (await as_olga.post("/admin/people/x/lock")).status == 404


async def test_removal_says_what_goes_with_a_person(
    as_olga: ConsoleBrowser, alice: Account
) -> None:
    page = BeautifulSoup(await as_olga.text("/admin/people"), "html.parser")
    form = page.select_one(f"form[action='/admin/people/{alice.id}/remove']")
    assert form
    assert "conversations" in form.text
    # Nobody can lock or remove themselves by accident: there is no such button.
    assert len(page.select("form[action$='/remove']")) == 1


async def test_an_operator_sees_and_revokes_a_person_s_keys(
    as_olga: ConsoleBrowser, alice: Account, bob: Account, database: Database
) -> None:
    keys = ApiKeys(database, SystemClock())
    used, secret = await keys.create(alice, alice, "nightly report", [Scope.SEARCH], 30)
    await keys.holder(secret.text)
    here = f"/admin/people/{alice.id}/keys"
    assert here in await as_olga.text("/admin/people")
    page = BeautifulSoup(await as_olga.text(here), "html.parser")
    row = page.select_one("tbody tr")
    assert row
    assert "nightly report" in row.text
    assert row.select("td[data-label='Last used'] time")
    assert secret.text not in page.text
    other = f"/admin/people/{bob.id}/keys/{used.id}/revoke"
    assert (await as_olga.post(other)).status == 404
    assert (await as_olga.post(f"{here}/{used.id}/revoke")).status == 303
    assert "has none" in await as_olga.text(here)
    assert (await audited(database))[-1][:2] == ("olga", "api_key.revoke")


@pytest.mark.parametrize("verb", ["lock", "remove"])
async def test_operators_do_not_shut_themselves_out(
    as_olga: ConsoleBrowser, olga: Account, database: Database, verb: str
) -> None:
    await add_person(database, "oskar", Role.OPERATOR)
    answer = await as_olga.post(f"/admin/people/{olga.id}/{verb}")
    assert answer.status == 409
    assert "your own account" in await answer.text()
