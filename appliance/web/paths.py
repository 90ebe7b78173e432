"""Read what stands in a path or a query."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from appliance.core.errors import NotFoundError

_MOST_DIGITS = 9


def identifier(request: web.Request, name: str = "id") -> UUID:
    """Return an object's id from the path. Raises NotFoundError for what is no id."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise NotFoundError(what="page") from None


def whole_number(text: str) -> int | None:
    """Return what the text says in plain digits, nine at most; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def stays_here(target: str) -> bool:
    """Say whether a redirect to `target` stays on this site.

    Browsers take a backslash for a slash, and leave out tabs and ends of lines: what looks like a
    path here could be the address of another site there.
    """
    is_path = target.startswith("/") and not target.startswith("//")
    return is_path and target.isprintable() and "\\" not in target
