"""Jobs: which ran, how far they are, starting and cancelling them."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import read, text
from appliance.control.keys import JOBS
from appliance.core.errors import InvalidInputError
from appliance.web.paths import identifier, whole_number


async def jobs(request: web.Request) -> web.Response:
    """GET /jobs?kind=&limit=: jobs without their logs, the newest first."""
    limit = whole_number(request.query.get("limit", "20"))
    if limit is None:
        raise InvalidInputError(
            problem="The limit is not a number of jobs.", remedy="Give a whole number."
        )
    found = await request.app[JOBS].jobs(limit, request.query.get("kind"))
    return web.json_response([job.as_json() for job in found])


async def job(request: web.Request) -> web.Response:
    """GET /jobs/{id}: one job with its log."""
    found = await request.app[JOBS].job(identifier(request))
    return web.json_response(found.as_json())


async def start(request: web.Request) -> web.Response:
    """POST /jobs `{"kind"}`: the queued job; the process that its kind names runs it."""
    kind = text(await read(request), "kind")
    started = await request.app[JOBS].start(CommandLine(), kind)
    return web.json_response(started.as_json(), status=HTTPStatus.ACCEPTED)


async def cancel(request: web.Request) -> web.Response:
    """POST /jobs/{id}/cancel: the job, which may take a moment to end."""
    cancelled = await request.app[JOBS].cancel(CommandLine(), identifier(request))
    return web.json_response(cancelled.as_json(), status=HTTPStatus.ACCEPTED)
