"""How much room a person's documents take, and may take."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import read, text
from appliance.control.keys import PEOPLE, QUOTAS
from appliance.library.model import Usage
from appliance.library.quota import parse_quota, written_quota


async def quota(request: web.Request) -> web.Response:
    """GET /people/{name}/quota."""
    account = await request.app[PEOPLE].by_name(request.match_info["name"])
    usage = await request.app[QUOTAS].usage(account)
    return web.json_response(_usage(account.name, usage))


async def set_quota(request: web.Request) -> web.Response:
    """POST /people/{name}/quota `{"quota"}`: a size, `none` or `default`."""
    wanted = parse_quota(text(await read(request), "quota"))
    account = await request.app[PEOPLE].by_name(request.match_info["name"])
    changed = await request.app[QUOTAS].set(CommandLine(), account.id, wanted)
    return web.json_response(_usage(account.name, changed.usage))


def _usage(name: str, usage: Usage) -> dict[str, Any]:
    return {
        "name": name,
        "quota": written_quota(usage),
        "used": usage.used,
        "limit": usage.limit,
    }
