"""PostgreSQL hangs, or a table is locked: each page says so, and soon."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.db.roles import PROCESS_ROLES
from tests.builders.people import FAST_PASSWORDS, add_person
from tests.http.conftest import VERSION, Browser
from tests.postgres import Server, hung
from webchat.app import build

# The promise is five seconds, and a machine that runs other tests besides is slower; only a page
# that waits for the database takes as long as this.
NOT_FOR_EVER = 30.0
PAGES = ("/", "/library", "/account")


async def says_so(browser: Browser, path: str) -> None:
    """Open a page that says that the database does not answer, and that offers to try again."""
    async with asyncio.timeout(NOT_FOR_EVER):
        answer = await browser.get(path)
    assert answer.status == 503, path
    text = await answer.text()
    assert DatabaseUnavailableError.sentence in text
    assert 'href=""><span>Try again</span>' in text


async def test_pages_say_so_when_the_server_hangs(settings: Settings, own_server: Server) -> None:
    async with Database(conninfo(own_server.socket, "cloister")) as owner:
        alice = await add_person(owner, "alice")
    database = Database(conninfo(own_server.socket, PROCESS_ROLES[0]))
    app = build(settings, SystemClock(), 1, database, FAST_PASSWORDS, VERSION)
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        browser = Browser(client)
        await browser.sign_in(alice.name)
        with hung(own_server):
            await asyncio.gather(*(says_so(browser, path) for path in PAGES))
            # Now there is no connection any more that was open before.
            await says_so(browser, PAGES[0])
        async with asyncio.timeout(30):
            while (await browser.get("/library")).status != 200:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("table", ["core.session", "library.collection"])
async def test_a_page_says_so_when_a_table_is_locked(
    as_alice: Browser, database: Database, table: str
) -> None:
    async with database.transaction(limit=600) as connection:
        await connection.execute(f"LOCK TABLE {table}".encode())
        await says_so(as_alice, "/library")
    assert (await as_alice.get("/library")).status == 200
