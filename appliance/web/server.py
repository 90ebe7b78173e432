"""Serve an application until the process receives SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from appliance.core.errors import ApplianceError
from appliance.core.sd_notify import Notifier
from appliance.core.signals import on_signals

# How long open requests may go on after SIGTERM. Answers are saved by then.
_GRACE = 3.0
# How long the rest of a refused body is read and dropped: closing the connection while data arrives
# resets it, and the client may lose the answer.
_LINGER = 600.0


async def serve(
    app: web.Application, sockets: Sequence[Path], address: tuple[str, int] | None = None
) -> None:
    """Serve on unix sockets, and on a TCP address if there is one, until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    on_signals((signal.SIGTERM, signal.SIGINT), ended.set)
    async with listening(app, sockets, address):
        notifier = Notifier()
        notifier.ready()
        await ended.wait()
        notifier.stopping()


class PortTakenError(ApplianceError):
    """Another program listens on the address. Facts: `host`, `port`."""

    code = "port_taken"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Another program listens on {host}:{port}."
    hint = "Stop that program, or set CLOISTER_PORT to a free port; the console uses the next one."


@asynccontextmanager
async def listening(
    app: web.Application,
    sockets: Sequence[Path],
    address: tuple[str, int] | None = None,
    *,
    mode: int = 0o660,
) -> AsyncIterator[None]:
    """Serve while the block runs. A socket that a killed process left behind is replaced.

    Raises PortTakenError.
    """
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
    logging.getLogger("aiohttp.server").addFilter(_is_no_fault_of_a_client)
    try:
        # First, because the supervisor asks on the socket: a server without its port is not ready.
        if address is not None:
            await _listen_on_port(runner, *address)
        for socket in sockets:
            _forget(socket)
            await web.UnixSite(runner, str(socket), backlog=1024).start()
            os.chmod(socket, mode)  # noqa: PTH101 - a moment's work, also for the event loop
        yield
    finally:
        await runner.cleanup()
        for socket in sockets:
            _forget(socket)


def _is_no_fault_of_a_client(record: logging.LogRecord) -> bool:
    """Whether the library reports anything but a client that left, or that does not speak HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ConnectionError | HttpProcessingError)


async def _listen_on_port(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTakenError(host=host, port=port) from error


def _forget(socket: Path) -> None:
    socket.unlink(missing_ok=True)
