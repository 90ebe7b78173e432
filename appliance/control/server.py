"""Serve the control socket, which only its owner may open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from appliance.control import keys
from appliance.control.keys import Surroundings
from appliance.control.routes import ROUTES
from appliance.core.errors import ApplianceError, Audience
from appliance.core.slow_callbacks import attribute_to
from appliance.services import Services
from appliance.supervisor.loop import Supervisor
from appliance.web.errors import UnknownAddressError

OWNER_ONLY = 0o600
# A megabyte of certificates and one of keys, in base64.
_LARGEST_BODY = 4 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_application(
    supervisor: Supervisor, services: Services, surroundings: Surroundings
) -> web.Application:
    """Return the application of the control socket."""
    application = web.Application(middlewares=[_errors_as_json], client_max_size=_LARGEST_BODY)
    application[keys.SUPERVISOR] = supervisor
    application[keys.SURROUNDINGS] = surroundings
    application[keys.PEOPLE] = services.people
    application[keys.QUOTAS] = services.quotas
    application[keys.API_KEYS] = services.api_keys
    application[keys.AUDIT] = services.audit
    application[keys.CHOICE] = services.choice
    application[keys.JOBS] = services.jobs
    application[keys.OPERATOR_SETTINGS] = services.operator_settings
    application[keys.CHANGES] = services.changes
    application[keys.TRIALS] = services.trials
    application[keys.RECOVERY_KEYS] = services.recovery_keys
    application[keys.TARGETS] = services.targets
    application[keys.RESTORE_NOTES] = services.restore_notes
    application[keys.CERTIFICATES] = services.certificates
    application[keys.ACME] = services.acme
    application[keys.SETUP_FILES] = services.setup_files
    application[keys.RUNNER] = services.runner
    application.add_routes(ROUTES)
    return application


@asynccontextmanager
async def control_server(
    supervisor: Supervisor, services: Services, surroundings: Surroundings, path: Path
) -> AsyncIterator[None]:
    """Serve the control socket while the block runs.

    The socket is bound in a folder that only its owner may enter, and closed to others besides.
    """
    application = control_application(supervisor, services, surroundings)
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
    attribute_to(handler)
    try:
        return await handler(request)
    except ApplianceError as error:
        return web.json_response(error.as_json(Audience.COMMAND_LINE), status=error.status)
    except web.HTTPNotFound:
        unknown = UnknownAddressError()
        return web.json_response(unknown.as_json(Audience.COMMAND_LINE), status=unknown.status)
