"""Stand-ins for the chat and the console, on the unix sockets where Nginx expects them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

NAME = web.AppKey("name", str)


async def _echo(request: web.Request) -> web.Response:
    """Answer what arrived, so that a test can see what the proxy made of it."""
    body = await request.read()
    facts = {
        "site": request.app[NAME],
        "path": request.path,
        "headers": dict(request.headers),
        "size": len(body),
    }
    return web.json_response(facts)


async def _websocket(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str(f"hello from {request.app[NAME]}")
    await response.close()
    return response


@asynccontextmanager
async def site(name: str, socket: Path) -> AsyncIterator[None]:
    """Serve under a name until the block ends."""
    application = web.Application(client_max_size=0)
    application[NAME] = name
    application.router.add_get("/ws/{tail:.*}", _websocket)
    application.router.add_route("*", "/{tail:.*}", _echo)
    async with served(application, socket):
        yield


@asynccontextmanager
async def served(application: web.Application, *sockets: Path) -> AsyncIterator[None]:
    """Serve on unix sockets that Nginx may use, until the block ends."""
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    for socket in sockets:
        socket.parent.mkdir(exist_ok=True)
        socket.parent.chmod(0o755)
        await web.UnixSite(runner, str(socket), backlog=1024).start()
        socket.chmod(0o777)
    try:
        yield
    finally:
        await runner.cleanup()
