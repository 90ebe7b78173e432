"""Redirect a browser without a session from a protected page to the sign-in page."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web

from appliance.accounts.guard import Handler
from appliance.web.errors import SignInNeededError
from appliance.web.flash import redirect


@web.middleware
async def send_to_sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Redirect a browser; programs and sockets get the plain error."""
    try:
        return await handler(request)
    except SignInNeededError:
        accepts_pages = "text/html" in request.headers.get(hdrs.ACCEPT, "")
        if request.headers.get("HX-Request"):
            return web.Response(headers={"HX-Redirect": "/sign-in"})
        if request.method != hdrs.METH_GET or not accepts_pages:
            raise
        return redirect(f"/sign-in?next={quote(request.path_qs, safe='')}")
