"""What the real Nginx does not give away: by the length of a response, or in its log."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.supervisor.loop import Supervisor
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import supervised, until
from tests.integration.supervisor.sites import served

# Long enough to be compressed by any server that compresses.
PAGE = "<p>the same sentence</p>" * 1000
JSON = '{"data": "' + "the same sentence " * 1000 + '"}'
SECRET = "promotion-of-huber"


async def _site(request: web.Request) -> web.Response:
    path = request.path
    if path.startswith("/hang-up"):
        assert request.transport is not None
        request.transport.abort()
    if path.startswith("/static/"):
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/css"}
        return web.Response(body=gzip.compress(PAGE.encode()), headers=headers)
    status = 404 if "missing" in path else 200
    if path.startswith(("/api/", "/v1/")):
        return web.Response(text=JSON, content_type="application/json", status=status)
    return web.Response(text=PAGE, content_type="text/html", status=status)


@pytest.fixture
async def front(settings: Settings) -> AsyncIterator[Supervisor]:
    """Nginx alone, as it is before and after the sites."""
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx(settings, Path(program)), fronts=())
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        yield supervisor


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[None]:
    """Chat and console behind Nginx."""
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", _site)
    async with served(application, settings.chat_socket(1), settings.console_socket):
        yield


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/library", {"HX-Request": "true"}),
        ("/missing", {}),
        ("/api/documents", {}),
        ("/v1/models", {}),
        ("/v1/missing", {}),
        ("/admin", {}),
        ("/admin/units", {}),
    ],
)
@pytest.mark.usefixtures("front")
async def test_no_page_and_no_answer_is_compressed(
    settings: Settings, path: str, headers: dict[str, str]
) -> None:
    accepted = {"Accept-Encoding": "gzip, deflate, br"}
    async with aiohttp.ClientSession(settings.address, auto_decompress=False) as client:
        async with client.get(path, headers=headers | accepted) as refused:
            assert refused.status == 503
            assert "Content-Encoding" not in refused.headers
        async with _served(settings), client.get(path, headers=headers | accepted) as answer:
            assert answer.status in {200, 404}
            assert "Content-Encoding" not in answer.headers
            assert await answer.text() in {PAGE, JSON}


@pytest.mark.usefixtures("front")
async def test_what_a_site_has_compressed_itself_stays_so(settings: Settings) -> None:
    async with (
        _served(settings),
        aiohttp.ClientSession(settings.address, auto_decompress=False) as client,
        client.get("/static/x.css", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        assert answer.headers["Content-Encoding"] == "gzip"


async def test_its_log_says_what_failed_and_not_what_was_asked(
    settings: Settings, front: Supervisor
) -> None:
    referer = {"Referer": f"{settings.address}/library?query={SECRET}"}
    paths = ("/library?query=", "/v1/models?q=", "/api/documents?collection=")
    async with aiohttp.ClientSession(settings.address) as client:
        for path in paths:
            # There is no site yet: this is the error of a socket that is missing.
            async with client.get(f"{path}{SECRET}", headers=referer) as answer:
                assert answer.status == 503
        async with _served(settings):
            for path in ("/hang-up?query=", "/hang-up/", '/hang-up/", client: '):
                async with client.get(f"{path}{SECRET}", headers=referer) as answer:
                    assert answer.status == 503
    failed = ("connect() to unix:", "upstream prematurely closed")
    await until(lambda: all(any(word in line for line in _lines(front)) for word in failed))
    file = await asyncio.to_thread((settings.logs / "nginx.log").read_text)
    for said in ("\n".join(_lines(front)), file):
        assert "while connecting to upstream" in said
        assert "while reading response header from upstream" in said
        for private in (SECRET, "query", "client:", "referrer", "/library"):
            assert private not in said


def _lines(supervisor: Supervisor) -> tuple[str, ...]:
    return supervisor.lines("nginx", 1000)


@pytest.mark.usefixtures("front")
async def test_a_request_that_names_no_host_reaches_no_site(settings: Settings) -> None:
    # Without any site, Nginx says 503 to a request that it would pass on.
    for host, status in ((b"", b"400"), (b"Host: x\r\n", b"503")):
        reader, writer = await asyncio.open_connection(settings.bind, settings.port)
        with closing(writer):
            writer.write(b"GET / HTTP/1.0\r\n" + host + b"\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
