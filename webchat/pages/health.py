"""Whether this process serves, and whether everything that it needs does."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web

from appliance.core.errors import ApplianceError
from appliance.probes.model import ProbeResult, ProbeState
from webchat import keys


async def health(request: web.Request) -> web.Response:
    """GET /health: 200 as soon as the process serves."""
    time = request.app[keys.CLOCK].now().isoformat()
    version = request.app[keys.VERSION]
    return web.json_response({"status": "healthy", "time": time, "version": version})


async def ready(request: web.Request) -> web.Response:
    """GET /ready: 200 or 503, with what was found."""
    disk, memory = request.app[keys.PROBES]
    checks = {
        "database": await _database(request),
        "ollama": await _model_runner(request),
        "disk_space": _fine(await disk.read()),
        "memory": _fine(await memory.read()),
    }
    good = all(checks.values())
    body = {"status": "ready" if good else "not ready", "checks": checks}
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return web.json_response(body, status=status)


def _fine(reading: ProbeResult) -> bool:
    return reading.state is ProbeState.OK


async def _database(request: web.Request) -> bool:
    try:
        async with request.app[keys.DATABASE].connection() as connection:
            await connection.execute("SELECT 1")
    except ApplianceError:
        return False
    return True


async def _model_runner(request: web.Request) -> bool:
    try:
        async with asyncio.timeout(2):
            await request.app[keys.RUNNER].version()
    except (ApplianceError, TimeoutError):
        return False
    return True
