"""What one address may have open in the real Nginx: much, but not all."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.units import nginx
from tests.integration.supervisor.parts import supervised, until
from tests.integration.supervisor.sites import served, site

FEW = 3
# More than the bodies that may wait in memory.
PEOPLE = nginx.MOST_WAITING_BODIES + 100
POSTS = ("/conversations", "/sign-in", "/library", "/api/search", "/v1/embeddings")


@pytest.fixture
async def client(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a whole machine on which one address may have few requests open."""
    monkeypatch.setattr(nginx, "MOST_REQUESTS", 2 * FEW)
    monkeypatch.setattr(nginx, "MOST_WAITING_BODIES", FEW)
    async with (
        fronted(settings),
        site("chat", settings.chat_socket(1)),
        aiohttp.ClientSession(settings.address) as client,
    ):
        yield client


@asynccontextmanager
async def fronted(settings: Settings) -> AsyncIterator[None]:
    """Run Nginx alone."""
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx.nginx(settings, Path(program)), fronts=())
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        yield


@asynccontextmanager
async def held_back(settings: Settings, path: str, count: int) -> AsyncIterator[None]:
    """Begin requests without sending their bodies.

    `count` is above the limit: a request of the test may take a place before the last of these,
    which is then refused.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    async with AsyncExitStack() as stack:
        for _ in range(count):
            _, writer = await asyncio.open_connection(settings.bind, settings.port)
            stack.callback(writer.close)
            writer.write(head.encode())
            await writer.drain()
        yield


async def status(client: aiohttp.ClientSession, method: str, path: str, wanted: int) -> str:
    """Wait until a request is answered with that status; return the answer."""
    async with asyncio.timeout(30):
        while True:
            data = b"x" if method == "POST" else None
            async with client.request(method, path, data=data) as answer:
                if answer.status == wanted:
                    return await answer.text()


async def test_bodies_that_wait_in_memory_are_few_and_hinder_no_member(
    settings: Settings, client: aiohttp.ClientSession
) -> None:
    async with (
        site("console", settings.console_socket),
        held_back(settings, "/admin/sign-in", FEW + 2),
    ):
        assert "Too much at once" in await status(client, "POST", "/admin/sign-in", 429)
        for method, path in (
            ("GET", "/"),
            ("GET", "/admin/"),
            *((("POST", path)) for path in POSTS),
        ):
            async with client.request(method, path) as answer:
                assert answer.status == 200, path
    async with site("console", settings.console_socket):
        await status(client, "POST", "/admin/sign-in", 200)


async def test_hundreds_of_people_behind_one_address_send_at_once(settings: Settings) -> None:
    """The chat server knows whose bodies they are; Nginx knows only the address of the office."""
    everybody = asyncio.Barrier(PEOPLE)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await everybody.wait()
        return web.Response()

    application = web.Application()
    application.router.add_post("/{tail:.*}", answer)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        fronted(settings),
        served(application, settings.chat_socket(1)),
        aiohttp.ClientSession(settings.address, connector=connector) as client,
        asyncio.timeout(60),
    ):

        async def ask(path: str) -> None:
            async with client.post(path, data={"question": "How high is the tower?"}) as answer:
                assert answer.status == 200, path

        # The first refusal ends the wait of the others.
        async with asyncio.TaskGroup() as tasks:
            for number in range(PEOPLE):
                tasks.create_task(ask(POSTS[number % len(POSTS)]))


async def test_one_address_cannot_take_every_connection(
    settings: Settings, client: aiohttp.ClientSession
) -> None:
    async with held_back(settings, "/v1/embeddings", 2 * FEW + 2):
        assert "Too much at once" in await status(client, "GET", "/", 429)
        assert '"crowded"' in await status(client, "GET", "/v1/models", 429)
        # The supervisor must not take it for a fault.
        await status(client, "GET", nginx.PROBE_PATH, 204)
    await status(client, "GET", "/", 200)
