"""A message that the next page shows once, carried by a cookie across the redirect."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from aiohttp import web

from appliance.web.cookies import Cookies
from appliance.web.keys import request_key
from appliance.web.render import Flash, FlashKind

_COOKIE = "cloister_flash"
_LASTS = 60
_LONGEST = 500
_SENT = request_key("flash")


def redirect(location: str, message: str = "", kind: FlashKind = FlashKind.GOOD) -> web.Response:
    """Answer a form: go to `location` (303) and show `message` there."""
    response = web.Response(status=303, headers={"Location": location})
    if message:
        text = base64.urlsafe_b64encode(message[:_LONGEST].encode()).decode()
        value = f"{kind}.{text}"
        response.set_cookie(_COOKIE, value)
    return response


def receive(request: web.Request, cookies: Cookies) -> None:
    """Read the message of this browser's cookie, for `pending(request)`."""
    request[_SENT] = cookies.get(request, _COOKIE)


def pending(request: web.Request) -> Flash | None:
    """Return the message that the browser brought, if it is valid."""
    kind, _, text = request.get(_SENT, "").partition(".")
    try:
        return Flash(base64.urlsafe_b64decode(text).decode()[:_LONGEST], FlashKind(kind))
    except (ValueError, binascii.Error):
        return None


def send(request: web.Request, response: web.StreamResponse, cookies: Cookies) -> None:
    """Send a message of `redirect` as the site's cookies are sent; drop one that was shown."""
    is_page = response.content_type == "text/html" and response.status != HTTPStatus.SEE_OTHER
    new = response.cookies.pop(_COOKIE, None)
    if new is not None:
        cookies.set(response, _COOKIE, new.value, max_age=_LASTS)
    elif request.get(_SENT) and is_page and "HX-Request" not in request.headers:
        cookies.clear(response, _COOKIE)
