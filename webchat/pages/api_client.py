"""Programs and their requests: read in a bound of the route's own, dropped when they leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from appliance.web.errors import TooLargeError

LOOK_SECONDS = 0.2


async def whole_body(request: web.Request, limit: int) -> bytes:
    """Return the body, which may be larger than a form. Raises TooLargeError past `limit`."""
    if (request.content_length or 0) > limit:
        raise TooLargeError
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > limit:
            raise TooLargeError
    return bytes(body)


async def unless_gone(
    request: web.Request, work: Coroutine[Any, Any, web.StreamResponse]
) -> web.StreamResponse:
    """Return what `work` returns, or cancel it when the client closes the connection.

    The web server goes on with a request whose client has left; a model would write for nobody.
    """
    working = asyncio.create_task(work, name="api: work")
    try:
        while not working.done():
            await asyncio.wait([working], timeout=LOOK_SECONDS)
            if not working.done() and _is_gone(request):
                raise ConnectionResetError
        return working.result()
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait([working])


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
