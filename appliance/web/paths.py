"""Read ids and numbers from a path or a query."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from appliance.web.errors import UnknownAddressError

_MOST_DIGITS = 9


def identifier(request: web.Request, name: str = "id") -> UUID:
    """Return an object's id from the path. Raises UnknownAddressError, a NotFoundError."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise UnknownAddressError from None


def whole_number(text: str) -> int | None:
    """Return the number that a text of one to nine plain digits writes; None for other texts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def is_local_path(target: str) -> bool:
    """Say whether a redirect to `target` stays on this site.

    Browsers read a backslash as a slash, and skip tabs and line ends: a text that looks like a path
    here could be the address of another site there.
    """
    is_path = target.startswith("/") and not target.startswith("//")
    return is_path and target.isprintable() and "\\" not in target
