"""The supervisor for the command line: JSON on a unix socket that only its owner may open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from appliance.core.errors import ApplianceError, InvalidInputError, NotFoundError
from appliance.supervisor.loop import Supervisor
from appliance.units.model import Absent

SUPERVISOR = web.AppKey("supervisor", Supervisor)
SURROUNDINGS: web.AppKey[Surroundings] = web.AppKey("surroundings")
OWNER_ONLY = 0o600
# Who asks through this socket; the kernel says only which account that is.
COMMAND_LINE = "the command line"
MOST_LINES = 1000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Record = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command line may ask beside the units.

    `absent` is what this machine lacks; `new_rescue_code` mints the code for the console that
    works without the database; `record` takes an action and its object into the audit and never
    fails; `addresses` are those of the sites, as people open them.
    """

    absent: tuple[Absent, ...]
    new_rescue_code: Callable[[], str]
    record: Record
    addresses: Mapping[str, str] = field(default_factory=dict)


def control_application(supervisor: Supervisor, surroundings: Surroundings) -> web.Application:
    """Return the application; every route it has is in this table."""
    application = web.Application(middlewares=[_errors_as_json])
    application[SUPERVISOR] = supervisor
    application[SURROUNDINGS] = surroundings
    application.add_routes(
        [
            web.get("/units", _units),
            web.get("/units/{name}", _unit),
            web.post("/units/{name}/{verb:start|stop|restart}", _change),
            web.get("/units/{name}/logs", _logs),
            web.get("/addresses", _addresses),
            web.post("/rescue", _rescue),
            web.post("/models/fetch", _note_fetch),
        ]
    )
    return application


@asynccontextmanager
async def control_server(
    supervisor: Supervisor, surroundings: Surroundings, path: Path
) -> AsyncIterator[None]:
    """Serve the control socket while the block runs.

    The socket is bound in a folder that only its owner may enter, and closed to others besides.
    """
    application = control_application(supervisor, surroundings)
    # A client that follows a log and hangs up is noticed, also while the unit is silent.
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True
    )
    await runner.setup()
    try:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        await web.UnixSite(runner, str(path)).start()
        await asyncio.to_thread(path.chmod, OWNER_ONLY)
        yield
    finally:
        await runner.cleanup()
        await asyncio.to_thread(path.unlink, missing_ok=True)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApplianceError as error:
        return web.json_response(error.as_json(), status=error.status)
    except web.HTTPNotFound:
        unknown = NotFoundError(what="address")
        return web.json_response(unknown.as_json(), status=unknown.status)


async def _units(request: web.Request) -> web.Response:
    supervisor = request.app[SUPERVISOR]
    absent = [
        {"name": absent.name, "reason": absent.reason}
        for absent in request.app[SURROUNDINGS].absent
    ]
    units = [unit.as_json() for unit in supervisor.units()]
    return web.json_response({"ready": supervisor.all_ready, "units": units, "absent": absent})


async def _addresses(request: web.Request) -> web.Response:
    return web.json_response(dict(request.app[SURROUNDINGS].addresses))


async def _rescue(request: web.Request) -> web.Response:
    surroundings = request.app[SURROUNDINGS]
    await surroundings.record("rescue_code.create", "")
    return web.json_response({"code": surroundings.new_rescue_code()})


async def _note_fetch(request: web.Request) -> web.Response:
    """Record that root takes the machine online, which this process itself cannot do."""
    await request.app[SURROUNDINGS].record("model.fetch", request.query.get("model", ""))
    return web.json_response({})


async def _unit(request: web.Request) -> web.Response:
    return web.json_response(request.app[SUPERVISOR].view(request.match_info["name"]).as_json())


async def _change(request: web.Request) -> web.Response:
    """Change a unit's desired state; the answer shows the unit before anything is done."""
    supervisor, name = request.app[SUPERVISOR], request.match_info["name"]
    change = {"start": supervisor.start, "stop": supervisor.stop, "restart": supervisor.restart}
    verb, name = request.match_info["verb"], supervisor.view(name).name
    # Before it is done: it may be the database that is to be stopped.
    await request.app[SURROUNDINGS].record(f"unit.{verb}", name)
    await change[verb](name, COMMAND_LINE)
    return web.json_response(supervisor.view(name).as_json(), status=HTTPStatus.ACCEPTED)


async def _logs(request: web.Request) -> web.StreamResponse:
    """Answer the last lines, and with `follow=1` each further line when it comes."""
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
    """Yield the last lines, then each further one, without a gap and without a repetition."""
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
