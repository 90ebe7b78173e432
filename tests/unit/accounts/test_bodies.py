"""A body has a time within which it must arrive."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.accounts.bodies import Bodies
from appliance.accounts.login_limits import network_of
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.shares.model import Work
from appliance.shares.places import PlaceLocks
from appliance.shares.service import Shares


@pytest.fixture
def shares(tmp_path: Path) -> Shares:
    return Shares(Settings(home=tmp_path), SystemClock(), PlaceLocks("host=/nowhere"))


async def outcome(
    bodies: Bodies, *pieces: bytes, ends: bool = True, address: str = "192.0.2.7"
) -> str:
    """Send a body in pieces; return what came of it."""

    async def receive(request: web.Request) -> web.Response:
        try:
            await bodies.receive(request, None, address)
        except ApplianceError as error:
            return web.Response(text=error.code)
        return web.Response(text=await request.text())

    application = web.Application()
    application.router.add_post("/", receive)
    async with TestServer(application) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        with closing(writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            writer.write(b"0\r\n\r\n" if ends else b"")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            return (await reader.readexactly(length)).decode()


async def test_a_body_that_is_there_is_read_whole(shares: Shares) -> None:
    assert await outcome(Bodies(shares), b"one", b"two") == "onetwo"
    assert shares[Work.STRANGERS_BODY].running == 0


async def test_a_body_that_does_not_end_is_given_up(shares: Shares) -> None:
    assert await outcome(Bodies(shares, seconds=0.1), b"one", ends=False) == "body_too_slow"
    assert shares[Work.STRANGERS_BODY].running == 0


async def test_addresses_of_one_network_share(shares: Shares) -> None:
    """An IPv6 client chooses its address among 2^64."""
    queue, bodies = shares[Work.STRANGERS_BODY], Bodies(shares)
    for _ in range(100):
        queue.enter(network_of("2001:db8::1"))
    assert await outcome(bodies, b"one", address="2001:db8::2") == "crowded"
    assert await outcome(bodies, b"one", address="2001:db8:0:1::2") == "one"
