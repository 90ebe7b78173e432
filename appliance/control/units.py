"""Services of the machine: their states and logs, and how they are started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.control.keys import SUPERVISOR, SURROUNDINGS
from appliance.core.errors import InvalidInputError
from appliance.supervisor.loop import Supervisor

MOST_LINES = 1000


async def units(request: web.Request) -> web.Response:
    """GET /units: every unit, and the units that this machine lacks."""
    supervisor = request.app[SUPERVISOR]
    absent = [
        {"name": absent.name, "reason": absent.reason, "state": absent.state}
        for absent in request.app[SURROUNDINGS].absent
    ]
    units = [unit.as_json() for unit in supervisor.units()]
    return web.json_response({"ready": supervisor.all_ready, "units": units, "absent": absent})


async def unit(request: web.Request) -> web.Response:
    """GET /units/{name}."""
    return web.json_response(request.app[SUPERVISOR].view(request.match_info["name"]).as_json())


async def change(request: web.Request) -> web.Response:
    """POST /units/{name}/{start|stop|restart}: the answer shows the unit before it is done."""
    supervisor, name = request.app[SUPERVISOR], request.match_info["name"]
    changes = {"start": supervisor.start, "stop": supervisor.stop, "restart": supervisor.restart}
    verb, name = request.match_info["verb"], supervisor.view(name).name
    # Before it is done: it may be the database that is to be stopped.
    event = AuditEvent(Action(f"unit.{verb}"), ObjectType.UNIT, name)
    await request.app[SURROUNDINGS].record(event)
    await changes[verb](name, CommandLine.phrase)
    return web.json_response(supervisor.view(name).as_json(), status=HTTPStatus.ACCEPTED)


async def logs(request: web.Request) -> web.StreamResponse:
    """GET /units/{name}/logs?lines=&follow=: the last lines; with `follow=1` further ones too."""
    supervisor, name = request.app[SUPERVISOR], request.match_info["name"]
    count = _count(request.query.get("lines", "100"))
    last = supervisor.lines(name, count)
    if request.query.get("follow") != "1":
        return web.json_response({"lines": list(last)})
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        async with contextlib.aclosing(_last_and_further(supervisor, name, count)) as lines:
            async for line in lines:
                await response.write(f"{line}\n".encode())
    return response


async def _last_and_further(
    supervisor: Supervisor, name: str, count: int
) -> AsyncGenerator[str, None]:
    """Yield the last lines, then each further one: none is lost between, and none comes twice."""
    further = supervisor.follow(name)
    # From here on it receives lines: nothing else runs between this step and the last lines.
    coming = asyncio.ensure_future(_next(further))
    await asyncio.sleep(0)
    try:
        for line in supervisor.lines(name, count):
            yield line
        while True:
            yield await coming
            coming = asyncio.ensure_future(_next(further))
    finally:
        coming.cancel()
        await asyncio.wait([coming])


async def _next(lines: AsyncIterator[str]) -> str:
    return await anext(lines)


def _count(text: str) -> int:
    if not text.isdigit():
        problem, remedy = "`lines` is not a number.", f"Give a number from 0 to {MOST_LINES}."
        raise InvalidInputError(problem=problem, remedy=remedy)
    return min(int(text), MOST_LINES)
