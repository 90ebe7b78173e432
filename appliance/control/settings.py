"""What an operator may set."""

from __future__ import annotations

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import optional_value, read, text
from appliance.control.keys import OPERATOR_SETTINGS


async def settings(request: web.Request) -> web.Response:
    """GET /settings: every setting with its value."""
    found = await request.app[OPERATOR_SETTINGS].all()
    return web.json_response([setting.as_json() for setting in found])


async def change(request: web.Request) -> web.Response:
    """POST /settings `{"name", "value"}`: the setting; null as the value resets it."""
    body = await read(request)
    name, value = text(body, "name"), optional_value(body, "value")
    service = request.app[OPERATOR_SETTINGS]
    await service.change(CommandLine(), {name: value})
    return web.json_response((await service.get(name)).as_json())
