"""Whether this process serves, and whether everything that it needs does."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from appliance.core import slow_callbacks
from appliance.health.model import CheckId, Health
from webchat import keys

# What monitors read, by the check that answers it.
_NAMES = {
    CheckId.DATABASE: "database",
    CheckId.MODEL_RUNNER: "ollama",
    CheckId.DOCUMENT_READER: "document_reader",
    CheckId.DISK_SPACE: "disk_space",
    CheckId.MEMORY: "memory",
}


async def health(request: web.Request) -> web.Response:
    """GET /health: 200 as soon as the process serves."""
    time = request.app[keys.CLOCK].now().isoformat()
    version = request.app[keys.VERSION]
    slow = slow_callbacks.FOUND.as_json()
    return web.json_response(
        {"status": "healthy", "time": time, "version": version, "slow_callbacks": slow}
    )


async def ready(request: web.Request) -> web.Response:
    """GET /ready: 200 or 503, with what was found, within two seconds."""
    return readiness(await request.app[keys.HEALTH].current())


def readiness(found: Health) -> web.Response:
    """Return the answer that a monitor reads; a check is true unless it keeps us from serving."""
    checks = {_NAMES[CheckId(result.id)]: result.is_ready for result in found.results}
    body = {"status": "ready" if found.is_ready else "not ready", "checks": checks}
    status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return web.json_response(body, status=status)
