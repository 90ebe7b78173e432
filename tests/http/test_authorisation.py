"""Every route, every kind of person, somebody else's object.

The route table itself is walked, so that a new route is tested before anybody thinks of it. What
a test cannot know, which object an `{id}` means, stands in `OBJECTS`; a new kind must be added.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiohttp import ClientResponse

from appliance.accounts.guard import Access, Route
from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.conversations.service import Conversations
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.library import running, shelf, worker
from tests.fakes.markdown import InlineMarkdown
from tests.http.conftest import Browser, Visit
from webchat.routes import ROUTES


@dataclass(frozen=True)
class Belongings:
    """What is Alice's alone."""

    document: UUID
    conversation: UUID
    answer: UUID
    key: UUID


# The beginning of a path, and which of Alice's objects its `{id}` names.
OBJECTS = {
    "/account/keys/": "key",
    "/library/": "document",
    "/api/documents/": "document",
    "/conversations/": "conversation",
    "/messages/": "answer",
    "/ws/": "answer",
}
# What the forms want, so that it is not a missing field that keeps a person out.
FIELDS = {"title": "Something else", "question": "What is the secret word?"}
PUBLIC = {"/health", "/ready", "/sign-in", "/password"}
WITH_OBJECT = [route for route in ROUTES if "{id}" in route.path]


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def path_of(route: Route, belongings: Belongings) -> str:
    if "{" not in route.path:
        return route.path
    found = [field for start, field in OBJECTS.items() if route.path.startswith(start)]
    assert found, f"{route.path}: say in OBJECTS which object this is"
    path = route.path.replace("{id}", str(getattr(belongings, found[0])))
    return path.replace("{number}", "1").replace("{worker}", "1")


@pytest.fixture
async def belongings(
    alice: Account,
    settings: Settings,
    chat_database: Database,
    ingest_database: Database,
) -> Belongings:
    books = shelf(chat_database, settings.documents)
    async with running(worker(ingest_database, books.blobs)):
        own = await books.own(alice)
        uploaded = await books.upload(alice, "diary.txt", "The secret word is heliotrope.", own)
        await books.finished(alice, uploaded.document.id)
    conversations = Conversations(chat_database, InlineMarkdown())
    exchange = await conversations.start(alice, "What is the secret word?", worker=1)
    key, _ = await ApiKeys(chat_database, SystemClock()).create(
        alice, alice, "mine", [Scope.CHAT], 1
    )
    return Belongings(
        uploaded.document.id, exchange.answer.conversation_id, exchange.answer.id, key.id
    )


async def visit_route(browser: Browser, route: Route, path: str) -> ClientResponse:
    """Send what the route expects, with a good form token."""
    if route.method == "GET":
        return await browser.get(path)
    headers = {"X-CSRF-Token": await browser.token(), "Accept": "text/html"}
    return await browser.client.request(
        route.method, path, headers=headers, data=FIELDS, allow_redirects=False
    )


def test_the_public_routes_are_these_alone() -> None:
    assert {route.path for route in ROUTES if route.access == Access.PUBLIC} == PUBLIC


def test_no_route_of_the_chat_site_is_the_operator_s_and_keys_have_scopes() -> None:
    assert not [route for route in ROUTES if route.access == Access.OPERATOR]
    for route in ROUTES:
        assert (route.access == Access.KEY) == (route.scope is not None), name(route)
        assert (route.access == Access.KEY) == route.path.startswith(("/api/", "/v1/"))


@pytest.mark.usefixtures("olga")
async def test_a_stranger_gets_nothing(nobody: Browser, belongings: Belongings) -> None:
    for route in ROUTES:
        answer = await visit_route(nobody, route, path_of(route, belongings))
        text = await answer.text()
        assert "heliotrope" not in text, name(route)
        match route.access:
            case Access.PUBLIC:
                assert answer.status in {200, 401, 403, 422, 503}, name(route)
            case Access.KEY:
                assert answer.status == 401, name(route)
                assert (await answer.json())["error"]["code"].startswith("key_"), name(route)
            case _:
                assert answer.status == (303 if route.method == "GET" else 401), name(route)


@pytest.mark.parametrize("role", ["member", "operator"])
async def test_what_belongs_to_another_person_does_not_exist(
    visit: Visit, bob: Account, olga: Account, role: str, belongings: Belongings
) -> None:
    browser = await visit()
    await browser.sign_in(bob.name if role == "member" else olga.name)
    for route in (route for route in WITH_OBJECT if route.access == Access.MEMBER):
        answer = await visit_route(browser, route, path_of(route, belongings))
        text = await answer.text()
        if route.path.endswith("/row"):
            assert not text.strip(), name(route)
        else:
            assert answer.status == 404, f"{name(route)}: {answer.status}"
            assert not re.search("heliotrope|diary|secret word", text), name(route)


@pytest.mark.parametrize(
    "route", [route for route in WITH_OBJECT if route.access == Access.MEMBER], ids=name
)
async def test_its_owner_finds_it(as_alice: Browser, route: Route, belongings: Belongings) -> None:
    answer = await visit_route(as_alice, route, path_of(route, belongings))
    assert answer.status not in {401, 403, 404, 500}, await answer.text()


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.access == Access.KEY], ids=name
)
async def test_a_key_opens_what_its_scope_says_and_its_owner_may_see(
    nobody: Browser,
    chat_database: Database,
    alice: Account,
    bob: Account,
    route: Route,
    belongings: Belongings,
) -> None:
    assert route.scope is not None
    path = path_of(route, belongings)
    keys = ApiKeys(chat_database, SystemClock())
    others = [scope for scope in Scope if scope != route.scope]

    async def send(owner: Account, scopes: list[Scope]) -> ClientResponse:
        _, secret = await keys.create(owner, owner, "test", scopes, 1)
        headers = {"Authorization": f"Bearer {secret.text}"}
        return await nobody.client.request(route.method, path, headers=headers, json={})

    wrong = await send(alice, others)
    assert wrong.status == 403
    assert (await wrong.json())["error"]["code"] == "scope_missing"
    foreign = await send(bob, [route.scope])
    assert "heliotrope" not in await foreign.text()
    if "{id}" in route.path:
        assert foreign.status == 404
    own = await send(alice, [route.scope])
    assert own.status not in {401, 403, 404, 500}, await own.text()


async def test_no_form_works_without_its_token(as_alice: Browser, belongings: Belongings) -> None:
    for route in (r for r in ROUTES if r.method == "POST" and r.access == Access.MEMBER):
        path = path_of(route, belongings)
        answer = await as_alice.client.post(path, data={"x": "y"}, allow_redirects=False)
        assert answer.status in {403, 422}, f"{name(route)}: {await answer.text()}"
