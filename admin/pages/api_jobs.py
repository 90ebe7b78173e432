"""Jobs for programs: the same as the pages, as JSON; an operator's session opens it."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from admin import keys
from admin.pages.jobs import MOST_SHOWN
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.web.forms import read_form
from appliance.web.paths import identifier


async def list_jobs(request: web.Request) -> web.Response:
    """GET /admin/api/jobs, and with `?kind=` those of one kind."""
    ask, jobs = request.app[keys.BREAKER].ask, request.app[keys.JOBS]
    found = await ask(lambda: jobs.jobs(MOST_SHOWN, request.query.get("kind")))
    return web.json_response({"jobs": [job.as_json() for job in found]})


async def show_job(request: web.Request) -> web.Response:
    """GET /admin/api/jobs/{id}."""
    ask, jobs, job_id = request.app[keys.BREAKER].ask, request.app[keys.JOBS], identifier(request)
    return web.json_response((await ask(lambda: jobs.job(job_id))).as_json())


async def start_job(request: web.Request) -> web.Response:
    """POST /admin/api/jobs with the field `kind`."""
    actor, form = permitted(request, Permission.MANAGE_JOBS), await read_form(request)
    job = await request.app[keys.JOBS].start(actor, form.text("kind"))
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)


async def cancel_job(request: web.Request) -> web.Response:
    """POST /admin/api/jobs/{id}/cancel."""
    actor = permitted(request, Permission.MANAGE_JOBS)
    job = await request.app[keys.JOBS].cancel(actor, identifier(request))
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)
