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

from appliance.core.clock import SystemClock
from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.units import nginx
from tests.integration.supervisor.parts import supervised, until
from tests.integration.supervisor.sites import site

FEW = 3


@pytest.fixture
async def client(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a whole machine on which one address may have few requests open."""
    monkeypatch.setattr(nginx, "MOST_REQUESTS", 2 * FEW)
    monkeypatch.setattr(nginx, "MOST_WAITING_BODIES", FEW)
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx.nginx(settings, Path(program), SystemClock()), fronts=())
    async with (
        supervised(settings, unit) as supervisor,
        site("chat", settings.chat_socket(1)),
        aiohttp.ClientSession(settings.address) as client,
    ):
        await until(supervisor.ready.is_set)
        yield client


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


async def test_bodies_that_wait_in_memory_are_few_and_hinder_no_reader(
    settings: Settings, client: aiohttp.ClientSession
) -> None:
    async with held_back(settings, "/sign-in", FEW + 2):
        assert "Too much at once" in await status(client, "POST", "/sign-in", 429)
        assert '"crowded"' in await status(client, "POST", "/api/search", 429)
        for method, path in (("GET", "/"), ("POST", "/library"), ("POST", "/v1/embeddings")):
            async with client.request(method, path) as answer:
                assert answer.status == 200, path
    await status(client, "POST", "/sign-in", 200)


async def test_one_address_cannot_take_every_connection(
    settings: Settings, client: aiohttp.ClientSession
) -> None:
    async with held_back(settings, "/v1/embeddings", 2 * FEW + 2):
        assert "Too much at once" in await status(client, "GET", "/", 429)
        assert '"crowded"' in await status(client, "GET", "/v1/models", 429)
        # The supervisor must not take it for a fault.
        await status(client, "GET", nginx.PROBE_PATH, 204)
    await status(client, "GET", "/", 200)
