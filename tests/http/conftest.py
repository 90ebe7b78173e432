"""The chat site as its users reach it: real database, fake model runner, a client per person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import StrOrURL

from appliance.accounts.model import Account
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.fakes.ollama import FakeOllama, running_fake
from webchat.app import build

# Of no build: what a page shows can only be this.
VERSION = "9.8.7~git20260102.030405.abcdef0"
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Browser:
    """A client with cookies that sends forms as a browser without JavaScript does."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client

    async def get(
        self, path: StrOrURL, *, headers: Mapping[str, str] | None = None
    ) -> ClientResponse:
        """Open a page; redirects are shown, not followed."""
        sent = {"Accept": "text/html", **(headers or {})}
        return await self.client.get(path, headers=sent, allow_redirects=False)

    async def token(self) -> str:
        """Return the form token of this browser."""
        page = await (await self.get("/password")).text()
        found = _TOKEN.search(page)
        assert found, page
        return found[1]

    async def post(
        self, path: str, fields: dict[str, str] | None = None, *, fragment: bool = False
    ) -> ClientResponse:
        """Send a form with its token."""
        headers = {"Accept": "text/html"} | ({"HX-Request": "true"} if fragment else {})
        values = {"csrf": await self.token()} | (fields or {})
        return await self.client.post(path, data=values, headers=headers, allow_redirects=False)

    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in, or fail the test."""
        answer = await self.post("/sign-in", {"name": name, "password": password})
        assert answer.status == 303, await answer.text()


@pytest.fixture
async def runner() -> AsyncIterator[FakeOllama]:
    """The fake model runner that the site talks to."""
    async with running_fake() as fake:
        yield fake


@pytest.fixture
def settings(tmp_path: Path, runner: FakeOllama) -> Settings:
    """Settings of a site in a folder of its own."""
    return Settings(home=tmp_path, ollama_url=runner.address, upload_limit=200_000)


@pytest.fixture
async def site(settings: Settings, chat_database: Database) -> AsyncIterator[TestServer]:
    """The chat site, with the chat role's rights only."""
    database = Database(chat_database.address)
    app = build(settings, SystemClock(), 1, database, FAST_PASSWORDS, VERSION)
    server = TestServer(app)
    async with server:
        yield server


Visit = Callable[[], Awaitable[Browser]]


@pytest.fixture
async def visit(site: TestServer) -> AsyncIterator[Visit]:
    """Open further browsers, each with cookies of its own."""
    clients: list[TestClient[web.Request, web.Application]] = []

    async def new() -> Browser:
        # Addresses have cookies here, as names have elsewhere.
        client = TestClient(site, cookie_jar=CookieJar(unsafe=True))
        clients.append(client)
        return Browser(client)

    yield new
    for client in clients:
        await client.session.close()


@pytest.fixture
async def nobody(visit: Visit) -> Browser:
    """A browser without a session."""
    return await visit()


@pytest.fixture
async def as_alice(alice: Account, visit: Visit) -> Browser:
    """Alice's browser, signed in."""
    browser = await visit()
    await browser.sign_in(alice.name)
    return browser


@pytest.fixture
async def as_bob(bob: Account, visit: Visit) -> Browser:
    """Bob's browser, signed in."""
    browser = await visit()
    await browser.sign_in(bob.name)
    return browser


@pytest.fixture
async def as_olga(olga: Account, visit: Visit) -> Browser:
    """The operator's browser, signed in."""
    browser = await visit()
    await browser.sign_in(olga.name)
    return browser
