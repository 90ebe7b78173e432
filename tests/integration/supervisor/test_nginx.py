"""The real Nginx in front of stand-in sites on unix sockets."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.probes.model import ProbeState
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.loop import Policy
from appliance.supervisor.model import Phase
from appliance.units.errors import PreparationError
from appliance.units.log_priority import CRITICAL, ERROR, WARNING, of_nginx
from appliance.units.model import Unit
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import kill, phase, pid_of, supervised, until
from tests.integration.supervisor.sites import site


@pytest.fixture
def unit(settings: Settings) -> Unit:
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    return nginx(settings, Path(program))


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(settings.address) as client:
        yield client


async def test_without_the_chat_it_says_that_the_rest_is_coming(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    async with supervised(settings, replace(unit, fronts=())) as supervisor:
        await until(supervisor.ready.is_set)
        async with client.get("/") as page:
            text = await page.text()
            assert page.status == 503
            assert page.content_type == "text/html"
            assert 'http-equiv="refresh"' in text
            assert "<script" not in text
            assert page.headers["Retry-After"] == "3"
        async with client.get("/api/documents/1") as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "starting"


async def test_it_brings_each_request_to_the_right_site(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    async with (
        supervised(settings, replace(unit, fronts=())) as supervisor,
        site("chat", settings.chat_socket(1)),
        site("console", settings.console_socket),
    ):
        await until(supervisor.ready.is_set)
        for path, expected in [
            ("/", "chat"),
            ("/static/x.css", "chat"),
            ("/v1/models", "chat"),
            ("/health", "chat"),
            ("/ready", "chat"),
            ("/admin", "console"),
            ("/admin/units", "console"),
        ]:
            async with client.get(path) as answer:
                assert (await answer.json())["site"] == expected, path
        async with client.get("/metrics") as answer:
            assert answer.status == 403
        async with client.ws_connect("/ws/1/stream") as stream:
            assert await stream.receive_str() == "hello from chat"


async def test_what_a_client_claims_about_itself_is_overwritten(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    async with (
        supervised(settings, replace(unit, fronts=())) as supervisor,
        site("chat", settings.chat_socket(1)),
    ):
        await until(supervisor.ready.is_set)
        claims = {
            "X-Forwarded-For": "10.1.2.3",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example",
            "X-Real-IP": "10.1.2.3",
            "Forwarded": "for=10.1.2.3",
        }
        async with client.get("/", headers=claims) as answer:
            seen = (await answer.json())["headers"]
        assert seen["X-Forwarded-For"] == "127.0.0.1"
        assert seen["X-Forwarded-Proto"] == "http"
        assert seen["X-Forwarded-Host"] == f"127.0.0.1:{settings.port}"
        assert seen["X-Real-IP"] == "127.0.0.1"
        assert "Forwarded" not in seen


async def test_uploads_stream_through_and_other_bodies_are_limited(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    large = b"x" * (3 * 1024 * 1024)
    async with (
        supervised(settings, replace(unit, fronts=())) as supervisor,
        site("chat", settings.chat_socket(1)),
    ):
        await until(supervisor.ready.is_set)
        for path in ("/library", "/api/documents", "/v1/embeddings"):
            async with client.post(path, data=io.BytesIO(large)) as answer:
                assert (await answer.json())["size"] == len(large)
        async with client.post("/c/1", data=io.BytesIO(large)) as answer:
            assert answer.status == 413
            assert "That is too large" in await answer.text()
        async with client.post("/api/search", data=io.BytesIO(large)) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"] == "too_large"


async def test_after_kill_9_it_serves_again_within_five_seconds(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    async with supervised(settings, replace(unit, fronts=())) as supervisor:
        await until(supervisor.ready.is_set)
        killed = pid_of(supervisor, "nginx")
        kill(killed)
        async with asyncio.timeout(30):
            await until(lambda: supervisor.view("nginx").pid not in {None, killed})
            await until(lambda: phase(supervisor, "nginx") is Phase.READY)
        async with client.get("/") as page:
            assert page.status == 503


async def test_a_configuration_that_nginx_refuses_does_not_start(settings: Settings) -> None:
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program
    wrong = nginx(replace(settings, bind="999.1.1.1"), Path(program))
    with pytest.raises(PreparationError, match="999"):
        await wrong.prepare()


@asynccontextmanager
async def stranger(settings: Settings) -> AsyncIterator[list[str]]:
    """Serve something else on the port, which answers everything as the web server would."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=204)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, settings.bind, settings.port).start()
    try:
        yield asked
    finally:
        await runner.cleanup()


async def test_a_stranger_on_the_port_is_not_taken_for_the_web_server(
    settings: Settings, unit: Unit
) -> None:
    async with supervised(settings, replace(unit, fronts=())) as supervisor:
        await until(supervisor.ready.is_set)
        assert unit.probe
        assert (await unit.probe.read()).state is ProbeState.OK
    async with stranger(settings) as asked:
        result = await unit.probe.read()
        assert asked == ["/health/proxy"]
        assert result.state is ProbeState.FAILED
        assert result.sentence == "another server answers on its address"


async def test_a_taken_port_is_named_and_nothing_is_ready(settings: Settings, unit: Unit) -> None:
    policy = Policy(backoff=Backoff(first=0.01, budget=1), tick=0.05, starting=0.02)
    async with (
        stranger(settings),
        supervised(settings, replace(unit, fronts=()), policy=policy) as supervisor,
    ):
        seen: set[Phase] = set()

        def gives_up() -> bool:
            view = supervisor.view("nginx")
            seen.add(view.phase)
            return view.phase is Phase.GAVE_UP

        await until(gives_up, seconds=30)
        assert Phase.READY not in seen
        assert not supervisor.ready.is_set()
        taken = f"another program listens on {settings.bind}:{settings.port}"
        assert taken in supervisor.view("nginx").reason


async def test_a_client_that_goes_away_is_not_logged_as_an_error(
    settings: Settings, unit: Unit, client: aiohttp.ClientSession
) -> None:
    async with (
        supervised(settings, replace(unit, fronts=())) as supervisor,
        site("chat", settings.chat_socket(1)),
    ):
        await until(supervisor.ready.is_set)
        upload = b"POST /library HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"
        for sent in (upload, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT"):
            for reset in (True, False):
                _, writer = await asyncio.open_connection(settings.bind, settings.port)
                writer.write(sent)
                await writer.drain()
                if reset:
                    writer.transport.abort()
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
        async with client.get("/") as answer:
            assert answer.status == 200
        # What it has to say about them it has said when its process has ended.
    urgent = {CRITICAL, ERROR, WARNING}
    lines = supervisor.lines("nginx", 1000)
    assert [line for line in lines if of_nginx(line.encode()) in urgent] == []
