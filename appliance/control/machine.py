"""The machine itself: where its sites are, rescue codes, and the record of a download."""

from __future__ import annotations

import asyncio

from aiohttp import web

from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.control.keys import SURROUNDINGS
from appliance.core import slow_callbacks


async def health(request: web.Request) -> web.Response:
    """GET /health: whether all that was set up works, what does not, and how this process does."""
    found = await request.app[SURROUNDINGS].health()
    return web.json_response({**found, "slow_callbacks": slow_callbacks.FOUND.as_json()})


async def addresses(request: web.Request) -> web.Response:
    """GET /addresses: where people open the sites."""
    return web.json_response(await asyncio.to_thread(request.app[SURROUNDINGS].addresses))


async def rescue(request: web.Request) -> web.Response:
    """POST /rescue: a code for the console while the database is down."""
    surroundings = request.app[SURROUNDINGS]
    await surroundings.record(AuditEvent(Action.RESCUE_CODE_CREATE, ObjectType.RESCUE_CODE))
    return web.json_response({"code": surroundings.new_rescue_code()})
