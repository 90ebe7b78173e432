"""Claim, sign in, sign out."""

from __future__ import annotations

import pytest

from appliance.accounts.model import Account
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.http.console.conftest import ConsoleBrowser, location


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, SystemClock(), FAST_PASSWORDS)


def form(code: str, **changes: str) -> dict[str, str]:
    fields = {"code": code, "name": "olga", "display_name": "Olga O.", "password": PASSWORD}
    return fields | changes


async def test_an_unclaimed_machine_leads_everything_to_claim(nobody: ConsoleBrowser) -> None:
    for path in ("/admin/", "/admin/people", "/admin/units/postgres", "/admin/sign-in"):
        answer = await nobody.get(path)
        assert answer.status == 303
        assert location(answer).path == "/admin/claim"


async def test_the_claim_page_takes_the_code_from_the_link_or_by_hand(
    nobody: ConsoleBrowser,
) -> None:
    page = await nobody.text("/admin/claim")
    assert "data-code-from-hash" in page
    assert 'name="code"' in page
    assert 'type="hidden" name="code"' not in page


async def test_claiming_signs_in_and_leads_to_the_set_up(
    nobody: ConsoleBrowser, accounts: Accounts
) -> None:
    code = await accounts.new_claim_code(CommandLine())
    answer = await nobody.post("/admin/claim", form(code.text.lower()))
    assert answer.status == 303
    assert location(answer).path == "/admin/setup"
    assert 'href="/admin/setup/models"' in await nobody.text("/admin/setup")


async def test_a_wrong_code_says_where_to_get_a_new_one(nobody: ConsoleBrowser) -> None:
    answer = await nobody.post("/admin/claim", form("AAAAA-AAAAA-AAAAA-AAAAA"))
    assert answer.status == 403
    page = await answer.text()
    assert "This code does not work" in page
    assert "cloister claim" in page
    assert "Olga O." in page
    assert PASSWORD not in page


async def test_after_wrong_codes_the_address_waits_and_the_code_stays_good(
    nobody: ConsoleBrowser, accounts: Accounts
) -> None:
    code = await accounts.new_claim_code(CommandLine())
    statuses = [
        (await nobody.post("/admin/claim", form(f"AAAAA-AAAAA-AAAAA-AAAA{number}"))).status
        for number in range(6)
    ]
    assert statuses == [403] * 5 + [429]
    refused = await nobody.post("/admin/claim/restore", {"code": code.text})
    assert location(refused).path == "/admin/claim"
    await accounts.check_claim_code(code.text)


async def test_without_tls_no_fingerprint_is_shown(nobody: ConsoleBrowser) -> None:
    assert "ingerprint" not in await nobody.text("/admin/claim")


async def test_a_weak_password_leaves_the_code_good(
    nobody: ConsoleBrowser, accounts: Accounts
) -> None:
    code = await accounts.new_claim_code(CommandLine())
    answer = await nobody.post("/admin/claim", form(code.text, password="short"))
    assert answer.status == 422
    assert "too short" in await answer.text()
    assert (await nobody.post("/admin/claim", form(code.text))).status == 303


async def test_empty_fields_are_named(nobody: ConsoleBrowser) -> None:
    answer = await nobody.post("/admin/claim", form("", name=""))
    assert answer.status == 422
    assert (await answer.text()).count("Please fill this in.") == 2


async def test_a_claimed_machine_explains_itself(nobody: ConsoleBrowser, olga: Account) -> None:
    page = await nobody.text("/admin/claim")
    assert "This machine has an operator." in page
    answer = await nobody.get("/admin/people?x=1")
    assert location(answer).path == "/admin/sign-in"
    assert location(answer).query["next"] == "/admin/people?x=1"


async def test_an_operator_signs_in_and_goes_where_they_wanted(
    nobody: ConsoleBrowser, olga: Account
) -> None:
    fields = {"name": "olga", "password": PASSWORD, "next": "/admin/people"}
    answer = await nobody.post("/admin/sign-in", fields)
    assert (answer.status, answer.headers["Location"]) == (303, "/admin/people")
    assert (await nobody.get("/admin/sign-in")).status == 303


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/admin\\x", ""])
async def test_sign_in_never_leads_away(nobody: ConsoleBrowser, olga: Account, target: str) -> None:
    fields = {"name": "olga", "password": PASSWORD, "next": target}
    assert (await nobody.post("/admin/sign-in", fields)).headers["Location"] == "/admin/"


async def test_a_wrong_password_is_refused(nobody: ConsoleBrowser, olga: Account) -> None:
    answer = await nobody.post("/admin/sign-in", {"name": "olga", "password": "wrong"})
    assert answer.status == 401
    assert "The name or the password is wrong." in await answer.text()
    assert (await nobody.post("/admin/sign-in", {"name": "olga"})).status == 422


async def test_guessing_is_slowed_down(nobody: ConsoleBrowser, olga: Account) -> None:
    for _ in range(5):
        await nobody.post("/admin/sign-in", {"name": "olga", "password": "wrong"})
    answer = await nobody.post("/admin/sign-in", {"name": "olga", "password": PASSWORD})
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "2"


async def test_a_member_is_told_that_the_console_is_for_operators(
    nobody: ConsoleBrowser, olga: Account, alice: Account
) -> None:
    answer = await nobody.post("/admin/sign-in", {"name": "alice", "password": PASSWORD})
    assert answer.status == 403
    assert "for operators" in await answer.text()
    assert (await nobody.get("/admin/")).status == 303


async def test_signing_out_ends_the_session(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.post("/admin/sign-out")
    assert (answer.status, answer.headers["Location"]) == (303, "/admin/sign-in")
    assert (await as_olga.get("/admin/")).status == 303


async def test_a_form_without_its_token_is_refused(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.client.post("/admin/units/postgres/stop", data={})
    assert answer.status == 403
