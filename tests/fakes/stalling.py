"""A line to a server that falls silent: it takes connections, and passes nothing on any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_BLOCK = 16 * 1024


@dataclass
class StallingProxy:
    """Passes on to a port of loopback, until so many bytes have come from clients.

    Then all connections stay open, and nothing is passed on either way, until `go_on`.
    """

    port: int = 0
    leads_to: int = 0
    stalls_after: int | None = None
    passed: int = 0
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def go_on(self) -> None:
        """Pass on again what comes on new connections; the silent ones end."""
        self.stalls_after = None
        self.stalled.clear()
        for task in self._tasks:
            task.cancel()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._wait_if_silent()
        there, back = await asyncio.open_connection("127.0.0.1", self.leads_to)
        try:
            up = asyncio.create_task(self._pass_on(reader, back, counted=True))
            down = asyncio.create_task(self._pass_on(there, writer, counted=False))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
        finally:
            back.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while block := await reader.read(_BLOCK):
                if counted:
                    self.passed += len(block)
                await self._wait_if_silent()
                writer.write(block)
                await writer.drain()

    async def _wait_if_silent(self) -> None:
        if self.stalls_after is not None and self.passed >= self.stalls_after:
            self.stalled.set()
            # Until the test ends it.
            await asyncio.Event().wait()


@asynccontextmanager
async def stalling_proxy() -> AsyncIterator[StallingProxy]:
    """Run a line that is silent only when the test says so."""
    proxy = StallingProxy()
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.go_on()
