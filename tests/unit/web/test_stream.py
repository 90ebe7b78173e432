"""Server-sent events: what goes over the wire, and how a stream ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from appliance.web.stream import Event, send_events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from aiohttp.test_utils import TestClient

    Browser = TestClient[web.Request, web.Application]
    Client = Callable[[web.Application], Awaitable[Browser]]


class Source:
    """Gives two events, then waits for ever; remembers that it was closed."""

    def __init__(self, *, endless: bool) -> None:
        self.endless = endless
        self.closed = asyncio.Event()
        self.stopping = asyncio.Event()

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            yield Event("units", "<p>\none</p>")
            yield Event("units", "two")
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.closed.set()

    async def respond(self, request: web.Request) -> web.StreamResponse:
        return await send_events(request, self.events(), stopping=self.stopping, heartbeat=0.02)


async def serve(aiohttp_client: Client, source: Source) -> Browser:
    app = web.Application()
    app.router.add_get("/", source.respond)
    return await aiohttp_client(app)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\rb"])
def test_each_line_of_the_data_has_its_own_line(text: str) -> None:
    assert Event("x", text).encoded() == b"event: x\ndata: a\ndata: b\n\n"


async def test_it_sends_events_and_ends_with_the_source(aiohttp_client: Client) -> None:
    source = Source(endless=False)
    answer = await (await serve(aiohttp_client, source)).get("/")
    assert answer.content_type == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    body = await answer.text()
    assert body.startswith("event: units\ndata: <p>\ndata: one</p>\n\n")
    assert source.closed.is_set()


async def test_it_beats_while_nothing_happens_and_ends_at_shutdown(aiohttp_client: Client) -> None:
    source = Source(endless=True)
    answer = await (await serve(aiohttp_client, source)).get("/")
    await answer.content.readuntil(b": still here\n")
    source.stopping.set()
    await asyncio.wait_for(answer.read(), 30)
    assert source.closed.is_set()


async def test_it_closes_the_source_when_the_browser_goes_away(aiohttp_client: Client) -> None:
    source = Source(endless=True)
    answer = await (await serve(aiohttp_client, source)).get("/")
    await answer.content.readuntil(b"two\n")
    answer.close()
    await asyncio.wait_for(source.closed.wait(), 30)
