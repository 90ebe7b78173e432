"""Keep a page up to date: render its parts after each change, and send the parts that differ."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from aiohttp import web

from admin import keys
from appliance.actors.permissions import Permission
from appliance.core.errors import DatabaseUnavailableError
from appliance.web.stream import Event, send_events

Item = TypeVar("Item")
Parts = Mapping[str, str]
"""What each event carries, by the event's name."""

# Units change several times in a moment when one starts; a page need not follow each step.
_GATHER_SECONDS = 0.15
# How often a stream asks whether the session still holds.
_TRUST_SECONDS = 5.0


async def stream_page(
    request: web.Request,
    render: Callable[[], Awaitable[Parts]],
    *,
    every: float,
    changes: AsyncIterator[object] | None = None,
) -> web.StreamResponse:
    """Answer with a stream of the parts of a page.

    They are rendered `every` so many seconds, and soon after each of the `changes`.
    """
    events = _parts(request, render, every, changes)
    return await send_events(request, events, stopping=request.app[keys.STOPPING])


async def _parts(
    request: web.Request,
    render: Callable[[], Awaitable[Parts]],
    every: float,
    changes: AsyncIterator[object] | None,
) -> AsyncGenerator[Event, None]:
    sent: dict[str, str] = {}
    check = SessionCheck(request)
    async with waiting(changes) as wait:
        while await check.holds():
            for name, text in (await render()).items():
                if sent.get(name) != text:
                    sent[name] = text
                    yield Event(name, text)
            await wait(every)
            await asyncio.sleep(_GATHER_SECONDS)


class SessionCheck:
    """Whether the stream's reader may still see it: checked again every few seconds."""

    def __init__(self, request: web.Request) -> None:
        self._identity = request.app[keys.IDENTITY]
        self._clock = request.app[keys.CLOCK]
        self._token = request.app[keys.GUARD].session_token(request)
        self._asked = self._clock.monotonic()

    async def holds(self) -> bool:
        """Say whether to go on; the guard has checked the first time."""
        now = self._clock.monotonic()
        if now - self._asked < _TRUST_SECONDS:
            return True
        self._asked = now
        try:
            actor = await self._identity.confirmed(self._token)
        except DatabaseUnavailableError:
            # The session was good a few seconds ago, and this page shows how the outage goes.
            return True
        return actor is not None and actor.may(Permission.USE_CONSOLE)


@contextlib.asynccontextmanager
async def waiting(
    source: AsyncIterator[Item] | None,
) -> AsyncIterator[Callable[[float], Awaitable[Item | None]]]:
    """Lend a function that waits for the next item of a source, but only so many seconds.

    The source goes on being listened to between two calls, and is closed with the block.
    """
    pending: asyncio.Future[Item] | None = None

    async def wait(seconds: float) -> Item | None:
        nonlocal pending
        if source is None:
            await asyncio.sleep(seconds)
            return None
        if pending is None:
            pending = asyncio.ensure_future(_next(source))
        await asyncio.wait((pending,), timeout=seconds)
        if not pending.done():
            return None
        item, pending = pending.result(), None
        return item

    try:
        yield wait
    finally:
        if pending is not None:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending


async def _next(source: AsyncIterator[Item]) -> Item:
    return await anext(source)
