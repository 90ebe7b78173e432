"""Certificates from an authority: set up, ask now, switch off."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from http import HTTPStatus

from aiohttp import web

from appliance.acme.service import AcmeStatus
from appliance.actors.model import CommandLine
from appliance.control.body import Body, read
from appliance.control.keys import ACME as SERVICE
from appliance.control.keys import JOBS
from appliance.core.errors import InvalidInputError
from appliance.core.json_values import plain
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import ACME

COMMAND_LINE = CommandLine()


async def show(request: web.Request) -> web.Response:
    """GET /tls/acme: what is set up, how its runs went, and what comes next."""
    return _status(await request.app[SERVICE].status())


async def look(request: web.Request) -> web.Response:
    """POST /tls/acme/look `{"directory", "root"}`: what an authority says about itself."""
    found = await request.app[SERVICE].look(COMMAND_LINE, _texts(await read(request)))
    return web.json_response(asdict(found))


async def use(request: web.Request) -> web.Response:
    """POST /tls/acme: set an authority up; its first run is queued."""
    acme = request.app[SERVICE]
    await acme.use(COMMAND_LINE, _texts(await read(request)))
    with contextlib.suppress(JobRunningError):
        # The schedule may have been faster.
        await request.app[JOBS].start(COMMAND_LINE, ACME.name)
    return _status(await acme.status())


async def renew(request: web.Request) -> web.Response:
    """POST /tls/acme/renew: the queued job that asks for a certificate now."""
    job = await request.app[JOBS].start(COMMAND_LINE, ACME.name)
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)


async def off(request: web.Request) -> web.Response:
    """DELETE /tls/acme: renew no more, and forget the accounts."""
    acme = request.app[SERVICE]
    await acme.off(COMMAND_LINE)
    return _status(await acme.status())


def _texts(body: Body) -> dict[str, str]:
    if not all(isinstance(value, str) for value in body.values()):
        raise InvalidInputError(problem="A field is no text.", remedy="Send texts only.")
    return body


def _status(status: AcmeStatus) -> web.Response:
    found = {
        "plan": asdict(status.plan) if status.plan else None,
        "state": asdict(status.state),
        "names": list(status.wanted),
        "due": status.due,
    }
    return web.json_response(text=json.dumps(found, default=plain))
