"""The real Nginx in front of stand-in sites on unix sockets."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from appliance.core.clock import SystemClock
from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.supervisor.model import Phase
from appliance.units.errors import PreparationError
from appliance.units.model import Unit
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import kill, phase, pid_of, supervised, until
from tests.integration.supervisor.sites import site


@pytest.fixture
def unit(settings: Settings) -> Unit:
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    return nginx(settings, Path(program), SystemClock())


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
    wrong = nginx(replace(settings, bind="999.1.1.1"), Path(program), SystemClock())
    with pytest.raises(PreparationError, match="999"):
        await wrong.prepare()
