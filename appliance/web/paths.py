"""Read what stands in a path."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from appliance.core.errors import NotFoundError


def identifier(request: web.Request, name: str = "id") -> UUID:
    """Return an object's id from the path. Raises NotFoundError for what is no id."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFoundError(what="page") from None
