"""Notice that a program has left while its request is being worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

LOOK_SECONDS = 0.2


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
