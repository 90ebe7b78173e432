"""Redirect a visitor who is not signed in to the page for signing in, or for claiming."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import hdrs, web

from admin import keys
from appliance.accounts.guard import Handler
from appliance.core.errors import DatabaseUnavailableError
from appliance.web.errors import SignInNeededError
from appliance.web.flash import redirect
from appliance.web.paths import is_local_path

CLAIM = "/admin/claim"
SIGN_IN = "/admin/sign-in"
START = "/admin/"


@web.middleware
async def redirect_to_login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Redirect a browser; programs and streams get the plain error."""
    try:
        return await handler(request)
    except SignInNeededError:
        accepts_pages = "text/html" in request.headers.get(hdrs.ACCEPT, "")
        login = SIGN_IN if await is_claimed(request) else CLAIM
        if request.headers.get("HX-Request"):
            return web.Response(headers={"HX-Redirect": login})
        if request.method != hdrs.METH_GET or not accepts_pages:
            raise
        if login == CLAIM:
            return redirect(CLAIM)
        return redirect(f"{SIGN_IN}?next={quote(request.path_qs, safe='')}")


async def is_claimed(request: web.Request) -> bool:
    """Say whether the machine has an operator; without an answer it is taken to have one."""
    try:
        return await request.app[keys.BREAKER].ask(request.app[keys.ACCOUNTS].is_claimed)
    except DatabaseUnavailableError:
        return True


def local(target: str) -> str:
    """Return `target` if it is a path of the console, else the start: no redirect leads away."""
    is_ours = target == "/admin" or target.startswith(START)
    return target if is_ours and is_local_path(target) else START
