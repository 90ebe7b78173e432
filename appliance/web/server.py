"""Serve an application until the process receives SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from appliance.core.sd_notify import Notifier

# How long open requests may go on after SIGTERM. Answers are saved by then.
_GRACE = 3.0
# How long the rest of a refused body is read and dropped: closing the connection while data arrives
# resets it, and the client may lose the answer.
_LINGER = 600.0


async def serve(
    app: web.Application, socket: Path | None, address: tuple[str, int] | None = None
) -> None:
    """Serve on a unix socket, on a TCP address, or on both, until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with listening(app, socket, address):
        notifier = Notifier()
        notifier.ready()
        await ended.wait()
        notifier.stopping()


@asynccontextmanager
async def listening(
    app: web.Application,
    socket: Path | None,
    address: tuple[str, int] | None = None,
    *,
    mode: int = 0o660,
) -> AsyncIterator[None]:
    """Serve while the block runs. A socket that a killed process left behind is replaced."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_GRACE,
        lingering_time=_LINGER,
        # Some versions decompress without limit, even a body that is dropped. The guard refuses it.
        auto_decompress=False,
    )
    await runner.setup()
    try:
        if socket is not None:
            _forget(socket)
            await web.UnixSite(runner, str(socket), backlog=1024).start()
            os.chmod(socket, mode)  # noqa: PTH101 - a moment's work, also for the event loop
        if address is not None:
            host, port = address
            await web.TCPSite(runner, host, port, backlog=1024).start()
        yield
    finally:
        await runner.cleanup()
        if socket is not None:
            _forget(socket)


def _forget(socket: Path) -> None:
    socket.unlink(missing_ok=True)
