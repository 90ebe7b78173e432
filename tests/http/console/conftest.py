"""The console as operators reach it: real database, fake supervisor and fake model runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from typing_extensions import override
from yarl import URL

from admin.app import Console, build
from admin.rescue import Rescue
from appliance.accounts.guard import SESSION_COOKIE
from appliance.accounts.model import Account
from appliance.accounts.service import Accounts
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.llm.client import ModelRunner
from appliance.operations.runner import OperationRunner
from appliance.services import build_services
from appliance.units.model import Absent
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.fakes.ollama import FakeOllama
from tests.fakes.operations import FakeOperations
from tests.fakes.units import FakeUnits
from tests.http.conftest import _TOKEN, VERSION, Browser

Site: TypeAlias = TestServer
ABSENT = (Absent("nginx", "not installed: install the package nginx"),)


class ConsoleBrowser(Browser):
    """A browser at the console's doors."""

    @override
    async def token(self) -> str:
        """Return the form token of this browser."""
        found = _TOKEN.search(await (await self.get("/admin/rescue")).text())
        assert found
        return found[1]

    @override
    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in, or fail the test."""
        answer = await self.post("/admin/sign-in", {"name": name, "password": password})
        assert answer.status == 303, await answer.text()

    def bring(self, session: str) -> None:
        """Come with a session from elsewhere."""
        self.client.session.cookie_jar.update_cookies(
            {SESSION_COOKIE: session}, self.client.make_url("/")
        )

    async def text(self, path: str, status: int = 200) -> str:
        """Return a page, and check its status."""
        answer = await self.get(path)
        assert answer.status == status, f"{path}: {answer.status}"
        return await answer.text()


class EventReader:
    """Reads a stream of server-sent events one by one."""

    def __init__(self, answer: ClientResponse) -> None:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        self.answer = answer

    async def event(self) -> tuple[str, str]:
        """Return the next event's name and data; empty ones at the end."""
        name, data = "", []
        while line := (await self.answer.content.readline()).decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not line.strip() and name:
                return name, "\n".join(data)
        return "", ""

    async def until(self, name: str, contains: str) -> str:
        """Return the data of the next event of that name that contains a text."""
        async with asyncio.timeout(30):
            while True:
                found, data = await self.event()
                assert found, f"the stream ended before {name} with {contains}"
                if found == name and contains in data:
                    return data


@pytest.fixture
def units() -> FakeUnits:
    """The supervisor that the console shows."""
    return FakeUnits()


@pytest.fixture
def rescue() -> Rescue:
    """What the control socket mints codes with."""
    return Rescue(SystemClock())


@pytest.fixture
async def document_reader(settings: Settings) -> AsyncIterator[None]:
    """The document reader as far as the console asks it: its parsers are confined."""

    async def confined(_: web.Request) -> web.Response:
        return web.json_response({"reach": []})

    app = web.Application()
    app.router.add_get("/parsers", confined)
    server = web.AppRunner(app)
    await server.setup()
    settings.ingest_socket.parent.mkdir(parents=True, exist_ok=True)
    await web.UnixSite(server, settings.ingest_socket).start()
    yield
    await server.cleanup()


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    """The operations that the console starts."""
    return FakeOperations(settings.operations)


Serve = Callable[[Database], Awaitable[Site]]


@pytest.fixture
async def serve(
    settings: Settings,
    units: FakeUnits,
    rescue: Rescue,
    runner: FakeOllama,
    operations: FakeOperations,
    document_reader: None,
) -> AsyncIterator[Serve]:
    """Start consoles, each with the database that it is given."""
    servers: list[Site] = []
    runner_of_operations = OperationRunner(settings.operations, operations, SystemClock())
    async with ModelRunner(runner.address) as client:

        async def start(database: Database) -> Site:
            clock = SystemClock()
            services = build_services(
                settings, database, client, clock, FAST_PASSWORDS, runner_of_operations
            )
            console = Console(settings, clock, units, ABSENT, services, rescue, VERSION)
            server: Site = TestServer(build(console))
            await server.start_server()
            servers.append(server)
            return server

        yield start
        for server in servers:
            await server.close()


@pytest.fixture
async def site(serve: Serve, database: Database) -> Site:
    """The console, with the owner's rights."""
    return await serve(database)


@pytest.fixture
async def dark_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database whose server is not there."""
    async with Database(conninfo(tmp_path / "nothing", "cloister"), wait=0.05) as database:
        yield database


Open = Callable[[Site], ConsoleBrowser]


@pytest.fixture
async def open_browser() -> AsyncIterator[Open]:
    """Open browsers, each with cookies of its own."""
    clients: list[TestClient[web.Request, web.Application]] = []

    def new(site: Site) -> ConsoleBrowser:
        client = TestClient(site, cookie_jar=CookieJar(unsafe=True))
        clients.append(client)
        return ConsoleBrowser(client)

    yield new
    for client in clients:
        await client.session.close()


@pytest.fixture
def visit(open_browser: Open, site: Site) -> Callable[[], Awaitable[ConsoleBrowser]]:
    """Open further browsers at the console."""

    async def new() -> ConsoleBrowser:
        return open_browser(site)

    return new


@pytest.fixture
async def as_alice(
    alice: Account, database: Database, visit: Callable[[], Awaitable[ConsoleBrowser]]
) -> ConsoleBrowser:
    """A member's browser: the session is from the chat site, which shares its cookies."""
    browser = await visit()
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    token = await accounts.sign_in(alice.name, PASSWORD, "192.0.2.1")
    browser.bring(token.text)
    return browser


def location(answer: ClientResponse) -> URL:
    """Return where an answer leads."""
    return URL(answer.headers["Location"])


async def actions(database: Database) -> list[str]:
    """Return the actions that the audit has, oldest first."""
    async with database.connection() as connection:
        rows = await connection.execute("SELECT action FROM core.audit ORDER BY id")
        return [str(row[0]) for row in await rows.fetchall()]
