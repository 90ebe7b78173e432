"""Models: which are installed, and which are used for what."""

from __future__ import annotations

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import choice, read, text
from appliance.control.keys import CHOICE, RUNNER
from appliance.llm.choice import Purpose, uses

COMMAND_LINE = CommandLine()


async def models(request: web.Request) -> web.Response:
    """GET /models: each installed model, what it can do, and what it is used for."""
    chosen = await request.app[CHOICE].chosen()
    installed = await request.app[RUNNER].models()
    rows = []
    for model in installed:
        used = uses(model, chosen, installed)
        rows.append(
            {
                "model": model.name,
                "size": model.size,
                "can": sorted(model.capabilities),
                "used_for": [use.purpose for use in used if use.ready],
                "prepared_for": [use.purpose for use in used if not use.ready],
            }
        )
    return web.json_response(rows)


async def choose(request: web.Request) -> web.Response:
    """POST /models/use `{"purpose", "model"}`."""
    body = await read(request)
    purpose, name = choice(body, "purpose", Purpose), text(body, "model")
    model = await request.app[CHOICE].choose(COMMAND_LINE, purpose, name)
    return web.json_response({"purpose": purpose, "model": model.name})
