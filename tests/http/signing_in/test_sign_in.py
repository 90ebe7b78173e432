"""Signing in and out, setting a password, and one's own account, as a browser does it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.web import csrf
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.http.conftest import VERSION, Browser, Visit
from webchat.app import build


async def test_a_stranger_is_led_to_the_sign_in_page_and_back(
    nobody: Browser, alice: Account
) -> None:
    answer = await nobody.get("/account?x=1")
    assert answer.status == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Faccount%3Fx%3D1"
    fields = {"name": alice.name, "password": PASSWORD, "next": "/account?x=1"}
    answer = await nobody.post("/sign-in", fields)
    assert (answer.status, answer.headers["Location"]) == (303, "/account?x=1")
    assert (await nobody.get("/account")).status == 200


async def test_a_machine_without_an_operator_is_claimed_first(nobody: Browser) -> None:
    answer = await nobody.get("/sign-in")
    assert answer.status == 303
    assert answer.headers["Location"].endswith("/admin/claim")


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil", "/\t/evil.example", "/\x0b", "x"],
)
async def test_signing_in_never_leads_to_another_site(
    nobody: Browser, alice: Account, target: str
) -> None:
    fields = {"name": alice.name, "password": PASSWORD, "next": target}
    assert (await nobody.post("/sign-in", fields)).headers["Location"] == "/"


async def test_a_refused_sign_in_does_not_say_which_part_is_wrong(
    nobody: Browser, alice: Account
) -> None:
    texts = []
    for name in (alice.name, "nobody-here"):
        answer = await nobody.post("/sign-in", {"name": name, "password": "not this one"})
        assert answer.status == 401
        texts.append(re.sub(r"nobody-here|alice|[0-9a-f]{64}", "", await answer.text()))
    assert "name or the password is wrong" in texts[0]
    assert texts[0] == texts[1]


async def test_guessing_is_slowed_down(nobody: Browser, alice: Account) -> None:
    answers = [
        await nobody.post("/sign-in", {"name": alice.name, "password": "wrong"}) for _ in range(6)
    ]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    # As its sentence says.
    assert answers[-1].headers["Retry-After"] == "2"
    assert "Wait 2 seconds" in await answers[-1].text()


async def test_signing_out_ends_the_session_everywhere(as_alice: Browser, visit: Visit) -> None:
    cookie = as_alice.client.session.cookie_jar.filter_cookies(as_alice.client.make_url("/"))
    stolen = {"Cookie": f"cloister_session={cookie['cloister_session'].value}"}
    thief = await visit()
    assert (await thief.get("/account", headers=stolen)).status == 200
    assert (await as_alice.post("/sign-out")).status == 303
    assert (await thief.get("/account", headers=stolen)).status == 303


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    nobody: Browser, alice: Account
) -> None:
    answer = await nobody.post("/sign-in", {"name": alice.name, "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_over_tls_no_other_host_can_set_the_cookies(
    settings: Settings, chat_database: Database, alice: Account, olga: Account
) -> None:
    database = Database(chat_database.address)
    secure = replace(settings, secure_cookies=True)
    app = build(secure, SystemClock(), 1, database, FAST_PASSWORDS, VERSION)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        page = await client.get("/sign-in")
        visitor = page.cookies["__Host-cloister_visitor"].value
        fields = {"name": "alice", "password": PASSWORD, "csrf": csrf.token(visitor)}
        sent = {"Cookie": f"__Host-cloister_visitor={visitor}"}
        answer = await client.post("/sign-in", data=fields, headers=sent, allow_redirects=False)
        given = {name: cookie["secure"] for name, cookie in answer.cookies.items()}
        assert given == {"__Host-cloister_session": True, "__Host-cloister_device": True}
        session = answer.cookies["__Host-cloister_session"].value
        for name, status in (("__Host-cloister_session", 200), ("cloister_session", 303)):
            headers = {"Cookie": f"{name}={session}", "Accept": "text/html"}
            page = await client.get("/account", headers=headers, allow_redirects=False)
            assert page.status == status
        # The message of a redirect, and its end with the page that shows it.
        sent = {"Cookie": f"__Host-cloister_session={session}"}
        fields = {"csrf": csrf.token(session)}
        answer = await client.post("/sign-out", data=fields, headers=sent, allow_redirects=False)
        assert answer.cookies["__Host-cloister_session"].value == ""
        message = answer.cookies["__Host-cloister_flash"].value
        sent = {"Cookie": f"__Host-cloister_flash={message}"}
        shown = await client.get("/sign-in", headers=sent)
        assert "You are signed out." in await shown.text()
        assert shown.cookies["__Host-cloister_flash"]["max-age"] == "0"


async def test_a_browser_that_signed_in_is_not_delayed_by_a_stranger(
    nobody: Browser, alice: Account, visit: Visit
) -> None:
    stranger = await visit()
    await nobody.sign_in("alice")
    await nobody.post("/sign-out")
    guess = {"name": "alice", "password": "wrong"}
    statuses = [(await stranger.post("/sign-in", guess)).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    await nobody.sign_in("alice")


@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_a_form_without_its_token_is_refused(as_alice: Browser, token: str) -> None:
    answer = await as_alice.client.post(
        "/account/password", data={"csrf": token, "old": PASSWORD, "new": "a new password 1"}
    )
    assert answer.status == 403
    assert "no longer valid" in await answer.text()


async def test_a_form_from_another_site_is_refused(as_alice: Browser) -> None:
    answer = await as_alice.client.post(
        "/sign-out",
        data={"csrf": await as_alice.token()},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status == 403


async def test_an_invited_person_sets_a_password_and_is_in(
    nobody: Browser, olga: Account, database: Database
) -> None:
    people = People(database, SystemClock())
    _, code = await people.add(olga, "carol", "Carol", Role.MEMBER)
    weak = await nobody.post("/password", {"code": code.text, "password": "short"})
    assert weak.status == 422
    answer = await nobody.post("/password", {"code": code.text, "password": PASSWORD})
    assert answer.status == 303
    assert "Carol" in await (await nobody.get("/account")).text()
    again = await nobody.post("/password", {"code": code.text, "password": PASSWORD})
    assert again.status == 403


async def test_a_key_is_made_shown_once_and_revoked(as_alice: Browser) -> None:
    fields = {"name": "report script", "days": "30", "scope": "search"}
    made = await (await as_alice.post("/account/keys", fields)).text()
    found = re.search(r"cl_[A-Za-z0-9_-]{43}", made)
    assert found, made
    listed = await (await as_alice.get("/account")).text()
    assert found[0] not in listed
    assert "report script" in listed
    key_id = re.search(r"/account/keys/([0-9a-f-]{36})/revoke", listed)
    assert key_id
    assert (await as_alice.post(f"/account/keys/{key_id[1]}/revoke")).status == 303
    assert "report script" not in await (await as_alice.get("/account")).text()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "days": "30", "scope": "chat"},
        {"name": "x", "days": "0", "scope": "chat"},
        {"name": "x", "days": "soon", "scope": "chat"},
        {"name": "x", "days": "30"},
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    as_alice: Browser, fields: dict[str, str]
) -> None:
    assert (await as_alice.post("/account/keys", fields)).status == 422


async def test_changing_the_password_signs_out(as_alice: Browser) -> None:
    wrong = await as_alice.post("/account/password", {"old": "no", "new": "a new password 1"})
    assert wrong.status == 422
    assert "The current password is wrong." in await wrong.text()
    fields = {"old": PASSWORD, "new": "a new password 1"}
    assert (await as_alice.post("/account/password", fields)).status == 303
    assert (await as_alice.get("/account")).status == 303
    await as_alice.sign_in("alice", "a new password 1")


async def test_a_new_password_revokes_keys_if_wanted(as_alice: Browser) -> None:
    password = PASSWORD
    assert "revoke_keys" not in await (await as_alice.get("/account")).text()
    await as_alice.post("/account/keys", {"name": "script", "days": "30", "scope": "chat"})
    choices: tuple[tuple[str, dict[str, str], bool], ...] = (
        ("a second password", {}, True),
        ("a third password", {"revoke_keys": "yes"}, False),
    )
    for new, wanted, left in choices:
        assert "Revoke my 1 API key" in await (await as_alice.get("/account")).text()
        fields = {"old": password, "new": new, **wanted}
        assert (await as_alice.post("/account/password", fields)).status == 303
        password = new
        await as_alice.sign_in("alice", password)
        assert ("cl_" in await (await as_alice.get("/account")).text()) == left


async def test_health_and_ready_say_what_works(nobody: Browser) -> None:
    health = await (await nobody.get("/health")).json()
    assert health["status"] == "healthy"
    assert health["version"] == VERSION
    assert datetime.fromisoformat(health["time"]) > datetime.now(UTC) - timedelta(minutes=1)
    answer = await nobody.get("/ready")
    body = await answer.json()
    expected = {"database", "ollama", "document_reader", "disk_space", "memory"}
    assert set(body["checks"]) == expected
    assert body["checks"]["database"] is True
    assert body["checks"]["ollama"] is True
    assert answer.status == (200 if all(body["checks"].values()) else 503)


async def test_an_unknown_address_is_a_page_in_our_words(nobody: Browser) -> None:
    answer = await nobody.get("/no/such/page")
    assert answer.status == 404
    assert "There is no such page." in await answer.text()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_a_locked_person_with_the_right_password_learns_whom_to_ask(
    nobody: Browser, alice: Account, database: Database
) -> None:
    await People(database, SystemClock()).set_locked(CommandLine(), alice.id, locked=True)
    for password, status, words in (
        ("wrong password", 401, "The name or the password is wrong."),
        (PASSWORD, 403, "Ask an operator to unlock it."),
    ):
        answer = await nobody.post("/sign-in", {"name": "alice", "password": password})
        assert answer.status == status
        assert words in await answer.text()
