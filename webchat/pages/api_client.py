"""Programs and their requests: how much is read, and for how long they are worked for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.web.errors import TooLargeError
from webchat import keys

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


async def while_wanted(
    request: web.Request, work: Coroutine[Any, Any, web.StreamResponse]
) -> web.StreamResponse:
    """Return what `work` returns; cancel it when the client leaves, or its key stops working.

    The web server goes on with a request whose client has left; a model would write for nobody.
    Raises KeyRequiredError for a key that was revoked or whose owner was locked out.
    """
    working = asyncio.create_task(work, name="api: work")
    revoked = asyncio.create_task(_until_revoked(request), name="api: until revoked")
    tasks = (working, revoked)
    try:
        while not working.done():
            await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if revoked.done():
                await revoked
            if not working.done() and _is_gone(request):
                raise ConnectionResetError
        return working.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _until_revoked(request: web.Request) -> None:
    """Ask again whether the key works whenever something of its owner was revoked.

    A browser that signs out is announced in the same way, and ends no program's answer.
    """
    watchers, known = request.app[keys.ANSWERING].watchers, holder(request)
    while True:
        with watchers.watching(known.account.id, known.key_id) as dismissal:
            await request.app[keys.GUARD].key_holder(request)
            await dismissal.wait()


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
