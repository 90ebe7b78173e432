"""Bodies that arrive slowly: few of one account, and few of one address without a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from appliance.accounts.guard import SESSION_COOKIE
from appliance.accounts.model import Account
from appliance.shares.model import Work
from appliance.web import csrf
from tests.http.conftest import Browser
from tests.http.overload.conftest import QUESTION, Program, Programs
from webchat import keys

OF_ONE, WAITING_OF_ONE = 16, 100
OF_A_NETWORK, WAITING_OF_A_NETWORK = 50, 50


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """A request whose body does not arrive whole."""

    reader: asyncio.StreamReader

    async def head(self) -> bytes:
        """Return the head of the answer."""
        async with asyncio.timeout(30):
            return await self.reader.readuntil(b"\r\n\r\n")


Send = Callable[[str, Mapping[str, str]], Awaitable[SlowRequest]]


@pytest.fixture
async def slowly(site: TestServer) -> AsyncIterator[Send]:
    """Begin a request and send one byte of its body."""
    async with AsyncExitStack() as stack:

        async def send(path: str, headers: Mapping[str, str]) -> SlowRequest:
            assert site.port
            reader, writer = await asyncio.open_connection(site.host, site.port)
            stack.callback(writer.close)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {site.host}:{site.port}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: 1000\r\n{lines}\r\nx".encode()
            )
            await writer.drain()
            return SlowRequest(reader)

        yield send


def of_session(browser: Browser) -> dict[str, str]:
    """Return the headers of a browser that is signed in."""
    cookies = browser.client.session.cookie_jar.filter_cookies(URL(browser.client.make_url("/")))
    token = cookies[SESSION_COOKIE].value
    return {"Cookie": f"{SESSION_COOKIE}={token}", csrf.HEADER: csrf.token(token)}


async def until_held(site: TestServer, work: Work, running: int, waiting: int) -> None:
    queue = site.app[keys.SHARES][work]
    async with asyncio.timeout(30):
        while (queue.running, queue.waiting) != (running, waiting):
            await asyncio.sleep(0.01)


async def is_served(browser: Browser) -> bool:
    answer = await browser.post("/conversations", {"question": QUESTION})
    return answer.status == 303


async def test_without_a_session_one_address_has_few_bodies_and_hinders_no_member(
    site: TestServer, slowly: Send, as_alice: Browser
) -> None:
    for _ in range(OF_A_NETWORK + WAITING_OF_A_NETWORK):
        await slowly("/sign-in", {})
    await until_held(site, Work.STRANGERS_BODY, OF_A_NETWORK, WAITING_OF_A_NETWORK)
    refused = await slowly("/sign-in", {"Cookie": f"{SESSION_COOKIE}=invented"})
    head = await refused.head()
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: " in head
    # She has the same address.
    assert await is_served(as_alice)
    assert (await as_alice.get("/sign-in")).status == 303


@pytest.mark.parametrize("path", ["/conversations", "/api/search", "/v1/chat/completions"])
async def test_an_invented_session_or_key_is_refused_before_its_body_is_read(
    site: TestServer, slowly: Send, path: str
) -> None:
    invented = {"Cookie": f"{SESSION_COOKIE}=invented", "Authorization": "Bearer invented"}
    for _ in range(OF_A_NETWORK + WAITING_OF_A_NETWORK + 1):
        refused = await slowly(path, invented)
        assert (await refused.head()).startswith(b"HTTP/1.1 401 ")
    await until_held(site, Work.STRANGERS_BODY, 0, 0)


async def test_one_account_has_few_bodies_and_hinders_no_other(
    site: TestServer, slowly: Send, as_alice: Browser, as_bob: Browser
) -> None:
    headers = of_session(as_alice)
    for _ in range(OF_ONE + WAITING_OF_ONE):
        await slowly("/conversations", headers)
    await until_held(site, Work.BODY, OF_ONE, WAITING_OF_ONE)
    head = await (await slowly("/conversations", headers)).head()
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: " in head
    assert await is_served(as_bob)


@pytest.mark.parametrize("path", ["/api/search", "/v1/chat/completions", "/v1/embeddings"])
async def test_a_body_that_arrives_takes_no_turn_from_others(
    site: TestServer, slowly: Send, program: Programs, alice: Account, path: str
) -> None:
    mallory, bob = await program("mallory"), await program("ben")
    for _ in range(OF_ONE + 1):
        await slowly(path, {"Authorization": f"Bearer {mallory.key}"})
    await until_held(site, Work.BODY, OF_ONE, 1)
    assert await statuses(bob) == [200, 200]
    assert site.app[keys.SHARES][Work.SEARCH].running == 0


async def statuses(of: Program) -> list[int]:
    return [(await of.search()).status, (await of.embed("word")).status]
