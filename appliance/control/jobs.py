"""Jobs: which ran, how far they are, starting and cancelling them; the record of a download."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.control.body import choice, query_number, read, text, texts
from appliance.control.keys import JOBS, SURROUNDINGS
from appliance.core.errors import ApplianceError
from appliance.jobs.model import JobState
from appliance.web.paths import identifier


async def jobs(request: web.Request) -> web.Response:
    """GET /jobs?kind=&limit=: jobs without their logs, the newest first."""
    limit = query_number(request, "limit", 20)
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


async def begin_fetch(request: web.Request) -> web.Response:
    """POST /models/fetch `{"model"}`: record that root takes the machine online for a download.

    The answer has no `id` where the download has no record of its own: the database does not
    answer, or the model is being downloaded already.
    """
    model = text(await read(request), "model")
    try:
        begun = await request.app[JOBS].begin_fetch(CommandLine(), model)
    except ApplianceError:
        event = AuditEvent(Action.MODEL_FETCH, ObjectType.MODEL, model)
        await request.app[SURROUNDINGS].record(event)
        return web.json_response({"id": None})
    return web.json_response({"id": str(begun.id)})


async def report(request: web.Request) -> web.Response:
    """POST /jobs/{id}/report `{"lines"}`: the answer says whether the download should end."""
    lines = texts(await read(request), "lines")
    job_record = await request.app[JOBS].record(identifier(request))
    return web.json_response({"asked_to_end": await job_record.report(lines)})


async def end(request: web.Request) -> web.Response:
    """POST /jobs/{id}/end `{"state", "result"}`."""
    body = await read(request)
    job_record = await request.app[JOBS].record(identifier(request))
    await job_record.end(choice(body, "state", JobState), text(body, "result"))
    return web.json_response({})
