"""Requests of programs: limit their size, and stop working when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.web.errors import TooLargeError
from webchat import keys

LOOK_SECONDS = 0.2


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the body, which may be larger than a form. Raises TooLargeError above `limit`.

    Also raises what `Guard.arriving` raises.
    """
    if (request.content_length or 0) > limit:
        raise TooLargeError
    body = bytearray()
    async with request.app[keys.GUARD].arriving(request):
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > limit:
                raise TooLargeError
    return bytes(body)


async def until_disconnect(
    request: web.Request, work: Coroutine[Any, Any, web.StreamResponse]
) -> web.StreamResponse:
    """Return what `work` returns; cancel it when the client leaves, or its key stops working.

    The web server goes on with a request whose client has left, and the model would write in vain.
    Raises KeyRequiredError when the key is revoked or its owner is locked.
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
    """Check the key again after each revocation that concerns its owner.

    A browser that signs out causes the same notice, which must not end a program's answer.
    """
    subscriptions, known = request.app[keys.ANSWERING].subscriptions, holder(request)
    while True:
        with subscriptions.subscribe(known.account.id, known.key_id) as disconnect:
            await request.app[keys.GUARD].key_holder(request)
            await disconnect.wait()


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
