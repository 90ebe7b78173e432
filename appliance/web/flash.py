"""A message that the next page shows once, carried by a cookie across the redirect."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from aiohttp import web

from appliance.web.render import Flash, FlashKind

_COOKIE = "cloister_flash"
_LASTS = 60
_LONGEST = 500


def redirect(location: str, message: str = "", kind: FlashKind = FlashKind.GOOD) -> web.Response:
    """Answer a form: go to `location` (303) and show `message` there."""
    response = web.Response(status=303, headers={"Location": location})
    if message:
        text = base64.urlsafe_b64encode(message[:_LONGEST].encode()).decode()
        value = f"{kind}.{text}"
        response.set_cookie(_COOKIE, value, max_age=_LASTS, httponly=True, samesite="Lax")
    return response


def pending(request: web.Request) -> Flash | None:
    """Return the message of this browser's cookie, if the cookie is valid."""
    kind, _, text = request.cookies.get(_COOKIE, "").partition(".")
    try:
        return Flash(base64.urlsafe_b64decode(text).decode()[:_LONGEST], FlashKind(kind))
    except (ValueError, binascii.Error):
        return None


def forget_shown(request: web.Request, response: web.StreamResponse) -> None:
    """Drop the message with the page that shows it."""
    is_page = response.content_type == "text/html" and response.status != HTTPStatus.SEE_OTHER
    if _COOKIE in request.cookies and is_page and "HX-Request" not in request.headers:
        response.del_cookie(_COOKIE)
