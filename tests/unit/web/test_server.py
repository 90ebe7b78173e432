"""What the server does with bodies before any handler sees them."""

from __future__ import annotations

import gzip
import socket as sockets
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web

from appliance.web.server import PortTakenError, listening


async def _size(request: web.Request) -> web.Response:
    return web.json_response(len(await request.read()))


async def test_a_packed_body_is_never_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(1_000_000))
    app = web.Application()
    app.router.add_post("/", _size)
    socket = tmp_path / "socket"
    async with (
        listening(app, [socket]),
        ClientSession("http://localhost", connector=UnixConnector(str(socket))) as client,
        client.post("/", data=packed, headers={"Content-Encoding": "gzip"}) as answer,
    ):
        assert await answer.json() == len(packed)


async def test_a_port_that_another_program_has_is_an_error_before_the_socket_answers(
    tmp_path: Path,
) -> None:
    # Serving on this socket would fail, too: its folder is missing.
    socket = tmp_path / "missing" / "socket"
    with sockets.create_server(("127.0.0.1", 0)) as stranger:
        address = ("127.0.0.1", stranger.getsockname()[1])
        with pytest.raises(PortTakenError, match=f":{address[1]}"):
            async with listening(web.Application(), [socket], address):
                pass
