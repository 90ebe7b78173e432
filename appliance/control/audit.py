"""What was done, by whom, to what."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.audit.formats import as_json
from appliance.audit.model import AuditFilter
from appliance.control.body import query_number
from appliance.control.keys import AUDIT
from appliance.core.errors import InvalidInputError


async def entries(request: web.Request) -> web.Response:
    """GET /audit?actor=&action=&since=&limit=: rows, the newest first."""
    asked = request.query
    chosen = AuditFilter(
        actor=asked.get("actor"), action=asked.get("action"), since=_since(asked.get("since"))
    )
    limit = query_number(request, "limit", 50)
    found = await request.app[AUDIT].entries(CommandLine(), chosen, limit=limit)
    return web.json_response([as_json(entry) | {"facts": entry.facts} for entry in found])


def _since(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidInputError(
            problem="“since” is not a time.", remedy="Write it as 2026-03-31T12:00:00+00:00."
        ) from error
