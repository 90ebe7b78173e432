"""What the server does with bodies before any handler sees them."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import socket as sockets
import struct
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientSession, UnixConnector, web

from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.render import Renderer
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


async def _stream_without_end(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(65536))
        await asyncio.sleep(0)


async def _defect(request: web.Request) -> web.StreamResponse:
    await request.read()
    raise ZeroDivisionError


def _application(ended: asyncio.Event) -> web.Application:
    """Return a site whose requests say when they have ended, however they do."""

    @web.middleware
    async def note_the_end(request: web.Request, handler: object) -> web.StreamResponse:
        try:
            return await handler(request)  # type: ignore[operator,no-any-return]
        finally:
            ended.set()

    # Neither is needed for errors of a program's requests.
    answers = ErrorAnswers(cast("Renderer", None), cast("object", None), cast("object", None))  # type: ignore[arg-type]
    app = web.Application(middlewares=[note_the_end, answers.middleware])
    app.on_response_prepare.append(remember_start)
    app.router.add_post("/api/upload", _size)
    app.router.add_get("/api/stream", _stream_without_end)
    app.router.add_get("/api/defect", _defect)
    return app


def _reset(client: sockets.socket) -> None:
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


UPLOAD = b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc"
CHUNKED = b"POST /api/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"
STREAM = b"GET /api/stream HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("sent", [UPLOAD, CHUNKED, STREAM])
@pytest.mark.parametrize("leave", [_reset, sockets.socket.close])
async def test_a_client_that_goes_away_is_not_logged_as_an_error(
    sent: bytes, leave: Callable[[sockets.socket], None], caplog: pytest.LogCaptureFixture
) -> None:
    ended, port = asyncio.Event(), _free_port()
    async with listening(_application(ended), [], ("127.0.0.1", port)):
        client = sockets.create_connection(("127.0.0.1", port))
        client.sendall(sent)
        await asyncio.to_thread(client.recv, 1, sockets.MSG_PEEK) if sent is STREAM else None
        leave(client)
        async with asyncio.timeout(10):
            await ended.wait()
        # A request of another client, after which the library has logged what it had to.
        head = b"GET /api/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert b" 404 " in await asyncio.to_thread(_ask, port, head)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Free only what nothing refers to."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("sent", [UPLOAD, CHUNKED])
@pytest.mark.parametrize("leave", [_reset, sockets.socket.close])
async def test_a_request_whose_client_has_left_needs_no_collection(
    sent: bytes, leave: Callable[[sockets.socket], None], without_collector: None
) -> None:
    port = _free_port()
    requests: list[weakref.ref[web.Request]] = []

    @web.middleware
    async def remember(request: web.Request, handler: object) -> web.StreamResponse:
        requests.append(weakref.ref(request))
        return await handler(request)  # type: ignore[operator,no-any-return]

    application = _application(asyncio.Event())
    application.middlewares.insert(0, remember)
    async with listening(application, [], ("127.0.0.1", port)), asyncio.timeout(10):
        client = sockets.create_connection(("127.0.0.1", port))
        client.sendall(sent)
        while not requests:
            await asyncio.sleep(0.01)
        leave(client)
        while requests[0]() is not None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_request_without_a_host_writes_no_traceback(
    version: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    port = _free_port()
    async with listening(_application(asyncio.Event()), [], ("127.0.0.1", port)):
        head = b"GET /api/none HTTP/%s\r\nConnection: close\r\n\r\n" % version
        assert b" 40" in await asyncio.to_thread(_ask, port, head)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_defect_is_still_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    ended, port = asyncio.Event(), _free_port()
    async with listening(_application(ended), [], ("127.0.0.1", port)):
        head = b"GET /api/defect HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert b" 500 " in await asyncio.to_thread(_ask, port, head)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def _free_port() -> int:
    with sockets.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _ask(port: int, head: bytes) -> bytes:
    with sockets.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(head)
        return client.recv(1000)
