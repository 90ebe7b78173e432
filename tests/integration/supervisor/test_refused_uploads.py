"""A refusal reaches a client that is still sending, and breaks no later request."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.units.nginx import nginx
from appliance.web.server import listening
from tests.integration.supervisor.parts import supervised, until

UPLOADS = ("/library", "/api/documents", "/v1/embeddings")
SENTENCE = b"That is too large."
PIECE = b"x" * 65_536
# More than the sockets between client and server hold together.
PIECES = 256

Serving = Callable[[Settings], AbstractAsyncContextManager[None]]


async def _refuse(_request: web.Request) -> web.Response:
    """Answer without a look at the body."""
    return web.Response(status=413, body=SENTENCE)


def _site() -> web.Application:
    application = web.Application()
    application.router.add_post("/{tail:.*}", _refuse)
    application.router.add_get("/{tail:.*}", _refuse)
    return application


@asynccontextmanager
async def _behind_nginx(settings: Settings) -> AsyncIterator[None]:
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    unit = replace(nginx(settings, Path(program)), fronts=())
    socket = settings.chat_socket(1)
    socket.parent.mkdir(exist_ok=True)
    socket.parent.chmod(0o755)
    async with supervised(settings, unit) as supervisor, listening(_site(), [socket], mode=0o666):
        await until(supervisor.ready.is_set)
        yield


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    async with listening(_site(), [], (settings.bind, settings.port)):
        yield


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("serving", [_behind_nginx, _alone], ids=["nginx", "alone"])
async def test_who_is_refused_may_send_the_rest(
    settings: Settings, serving: Serving, path: str
) -> None:
    async with serving(settings):
        reader, writer = await asyncio.open_connection(settings.bind, settings.port)
        with closing(writer):
            await _send_on_and_on(reader, writer, path)


async def _send_on_and_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
) -> None:
    length = len(PIECE) * PIECES
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    writer.write(PIECE)
    head = await _answer(reader)
    # A reset here, or below, would take the answer from a client that reads it last.
    for _ in range(PIECES - 1):
        writer.write(PIECE)
        await writer.drain()
    if b"connection: close" in head.lower():
        assert await reader.read() == b""
    else:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await _answer(reader)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Read one refusal; return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert await reader.readexactly(len(SENTENCE)) == SENTENCE
    return head
