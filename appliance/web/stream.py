"""Server-sent events: a response that stays open and sends an event for each change."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HEARTBEAT_SECONDS = 15.0

EVENT_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # Nginx would otherwise collect events until its buffer is full.
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream."""

    name: str
    data: str

    def encoded(self) -> bytes:
        """Return the event in the wire format: each line of the data on its own `data:` line."""
        # str.splitlines would also split at characters that browsers keep inside a line.
        text = self.data.replace("\r\n", "\n").replace("\r", "\n")
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        return f"event: {self.name}\n{lines}\n".encode()


async def send_events(
    request: web.Request,
    events: AsyncGenerator[Event, None],
    *,
    stopping: asyncio.Event,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> web.StreamResponse:
    """Send events until the source ends, the browser goes away, or the server is `stopping`.

    The heartbeat keeps proxies from closing a quiet stream, and detects that the browser has gone.
    The source is closed in every case.
    """
    response = web.StreamResponse(headers=EVENT_STREAM_HEADERS)
    await response.prepare(request)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(_send(response, events), name="events"),
                group.create_task(_beat(response, heartbeat), name="heartbeat"),
                group.create_task(_until(stopping), name="until stopping"),
            )
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
    except* ConnectionResetError:
        # The browser has gone.
        pass
    return response


async def _send(response: web.StreamResponse, events: AsyncGenerator[Event, None]) -> None:
    async with aclosing(events):
        async for event in events:
            await response.write(event.encoded())


async def _beat(response: web.StreamResponse, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await response.write(b": still here\n\n")


async def _until(stopping: asyncio.Event) -> None:
    await stopping.wait()
