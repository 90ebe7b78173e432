"""A request that a chat server died of reaches no other one; one that reached none does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import supervised, until
from tests.integration.supervisor.sites import site

REQUESTS = [
    ("GET", "/conversations/1"),
    ("POST", "/conversations/1/messages"),
    ("GET", "/library"),
    ("POST", "/library"),
    ("GET", "/api/documents"),
    ("DELETE", "/api/documents/1"),
    ("POST", "/api/search"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
]
# Their bodies stream through, and a part of one may be gone with the first attempt.
STREAMING = {("POST", "/library"), ("POST", "/v1/chat/completions")}


@dataclass
class Fragile:
    """Counts the requests that it dies of."""

    deaths: list[str] = field(default_factory=list)

    async def die(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request and end the connection without an answer, as a killed process does."""
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        self.deaths.append(line.decode().rpartition(" ")[0])
        writer.close()


@asynccontextmanager
async def fragile(*sockets: Path) -> AsyncIterator[Fragile]:
    """Servers that die of each request."""
    counting = Fragile()
    servers = []
    for socket in sockets:
        socket.parent.mkdir(exist_ok=True)
        socket.parent.chmod(0o755)
        servers.append(await asyncio.start_unix_server(counting.die, str(socket)))
        socket.chmod(0o777)
    try:
        yield counting
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()


@asynccontextmanager
async def fronted(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """Run the web server in front of two chat servers."""
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx(settings, Path(program)), fronts=())
    async with (
        supervised(settings, unit) as supervisor,
        aiohttp.ClientSession(settings.address) as client,
    ):
        await until(supervisor.ready.is_set)
        yield client


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, chat_processes=2)


async def test_a_request_that_killed_a_server_is_sent_to_no_other(settings: Settings) -> None:
    sockets = [settings.chat_socket(worker) for worker in (1, 2)]
    async with fronted(settings) as client, fragile(*sockets) as servers, asyncio.timeout(50):
        for method, path in REQUESTS:
            data = b"x=1" if method == "POST" else None
            before = len(servers.deaths)
            # For a second after a failure a server gets no requests, and none reaches it.
            while len(servers.deaths) == before:
                async with client.request(method, path, data=data) as answer:
                    assert answer.status == 503, path
                    assert answer.headers["Retry-After"] == "3"
                    kind = "html" if path.startswith(("/conv", "/lib")) else "json"
                    assert answer.content_type.endswith(kind), path
                await asyncio.sleep(0.05)
            assert servers.deaths[before:] == [f"{method} {path}"]


@pytest.mark.parametrize(("method", "path"), [each for each in REQUESTS if each not in STREAMING])
async def test_a_request_that_reached_no_server_is_answered_by_another(
    settings: Settings, method: str, path: str
) -> None:
    data = b"x=1" if method == "POST" else None
    # The first request goes to the first server, which is not there.
    async with (
        fronted(settings) as client,
        site("chat", settings.chat_socket(2)),
        client.request(method, path, data=data) as answer,
    ):
        assert answer.status == 200
        seen = await answer.json()
        assert (seen["site"], seen["path"]) == ("chat", path)
        assert seen["size"] == len(data or b"")


async def test_without_any_server_it_says_that_the_rest_is_coming(settings: Settings) -> None:
    async with fronted(settings) as client:
        for method, path in REQUESTS:
            data = b"x=1" if method == "POST" else None
            async with client.request(method, path, data=data) as answer:
                assert answer.status == 503, path
                assert answer.headers["Retry-After"] == "3"
