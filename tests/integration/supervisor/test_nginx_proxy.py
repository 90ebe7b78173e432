"""The real Nginx behind another proxy, and the host names that it serves."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.health.checks.web_front import web_front_check
from appliance.health.model import CheckResult, CheckState
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import supervised, until
from tests.integration.supervisor.sites import site

CLIENT = "203.0.113.7"


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx(settings, Path(program)), fronts=())
    async with supervised(settings, unit) as supervisor, site("chat", settings.chat_socket(1)):
        await until(supervisor.ready.is_set)
        yield


async def seen(settings: Settings, **headers: str) -> dict[str, str]:
    """Return the headers that the chat site sees."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(settings.address) as client,
        client.get("/", headers=sent) as answer,
    ):
        found: dict[str, str] = (await answer.json())["headers"]
        return found


async def test_a_trusted_proxy_says_who_the_client_is(settings: Settings) -> None:
    async with serving(replace(settings, trusted_proxy=("127.0.0.1", "10.0.0.0/8"))):
        found = await seen(settings, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https")
        assert found["X-Real-IP"] == found["X-Forwarded-For"] == CLIENT
        assert found["X-Forwarded-Proto"] == "https"
        # What a client claims stands before what the proxies saw.
        claimed = await seen(settings, X_Forwarded_For=f"192.0.2.1, {CLIENT}, 10.1.1.1")
        assert claimed["X-Real-IP"] == CLIENT
        assert (await seen(settings, X_Forwarded_Proto="gopher"))["X-Forwarded-Proto"] == "http"


async def test_any_other_proxy_is_not_believed(settings: Settings) -> None:
    async with serving(replace(settings, trusted_proxy=("10.0.0.5",))):
        found = await seen(settings, X_Forwarded_For=CLIENT, X_Forwarded_Proto="https")
        assert found["X-Real-IP"] == "127.0.0.1"
        assert found["X-Forwarded-Proto"] == "http"


async def passed_on(settings: Settings, line: bytes) -> bytes:
    """Send a request behind the line of a proxy; return the answer."""
    reader, writer = await asyncio.open_connection(settings.bind, settings.port)
    writer.write(line + b"GET / HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def headers_of(answer: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return dict(facts["headers"])


@pytest.mark.parametrize(("trusted", "address"), [("127.0.0.1", CLIENT), ("10.0.0.5", "127.0.0.1")])
async def test_the_proxy_protocol(settings: Settings, trusted: str, address: str) -> None:
    chosen = replace(settings, trusted_proxy=(trusted,), proxy_protocol=True)
    line = f"PROXY TCP4 {CLIENT} 127.0.0.1 40000 443\r\n".encode()
    async with serving(chosen):
        assert headers_of(await passed_on(settings, line))["X-Real-IP"] == address
        # Without the line nobody is served, and no site is asked.
        assert b"site" not in await passed_on(settings, b"")
        found = await web_front_check(chosen).ask()
        assert isinstance(found, CheckResult)
        assert found.state is CheckState.OK


async def test_other_host_names_are_refused_before_any_site(settings: Settings) -> None:
    chosen = replace(settings, host_names=("box.example", "192.0.2.7", "[2001:db8::7]"))
    async with serving(chosen), aiohttp.ClientSession(settings.address) as client:
        for host in ("box.example", "BOX.example:8080", "192.0.2.7", "[2001:db8::7]", "localhost"):
            async with client.get("/", headers={"Host": host}) as answer:
                assert answer.status == 200, host
        for host in ("evil.example", "box.example.evil.example", "203.0.113.1"):
            for path in ("/", "/admin/", "/health/proxy", "/api/documents"):
                async with client.get(path, headers={"Host": host}) as answer:
                    assert answer.status == 421, (host, path)
                    assert "not served under this name" in await answer.text()
        async with client.get("/health") as answer:
            assert (await answer.json())["site"] == "chat"


async def test_without_a_list_every_name_is_served(settings: Settings) -> None:
    async with serving(settings):
        assert (await seen(settings, Host="any.example"))["Host"] == "any.example"
