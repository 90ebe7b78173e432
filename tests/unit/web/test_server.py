"""What the server does with bodies before any handler sees them."""

from __future__ import annotations

import gzip
from pathlib import Path

from aiohttp import ClientSession, UnixConnector, web

from appliance.web.server import listening


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
