"""Sign in, sign out, and set the first or a new password with an operator's link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from appliance.accounts.errors import AccountLockedError, SignInFailedError, TooManyAttemptsError
from appliance.accounts.guard import client_address, visitor
from appliance.accounts.secrets import LEAST_PASSWORD
from appliance.core.errors import ApplianceError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.paths import is_local_path
from appliance.web.render import Frame
from webchat import keys
from webchat.frame import frame

START = "/"
# On the console, where the first operator claims the machine.
CLAIM = "/admin/claim"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """Name and password; `target` is the page that the person asked for."""

    template: ClassVar[str] = "sign_in.html"

    frame: Frame
    form: Form
    target: str
    error: ApplianceError | None = None


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """The code of an invitation, and the new password."""

    template: ClassVar[str] = "password.html"

    frame: Frame
    form: Form
    error: ApplianceError | None = None
    least_password: int = LEAST_PASSWORD


def local(target: str) -> str:
    """Return `target` if it is a path of this site, else the start page."""
    return target if is_local_path(target) else START


async def show_sign_in(request: web.Request) -> web.Response:
    """GET /sign-in. Redirects to the claim page while there is no account."""
    target = local(request.query.get("next", START))
    if visitor(request).account is not None:
        return flash.redirect(target)
    if not await request.app[keys.ACCOUNTS].is_claimed():
        settings = request.app[keys.SETTINGS]
        return flash.redirect(("" if settings.nginx else settings.console_address) + CLAIM)
    page = SignInPage(frame(request, "Sign in"), Form(), target)
    return request.app[keys.RENDERER].page(request, page)


async def sign_in(request: web.Request) -> web.Response:
    """POST /sign-in."""
    form = await read_form(request)
    target = local(form.value("next"))
    name, password = form.text("name"), form.secret("password")
    error: ApplianceError | None = None
    device = request.app[keys.GUARD].device(request)
    if form.valid:
        try:
            token = await request.app[keys.ACCOUNTS].sign_in(
                name, password, client_address(request), device
            )
        except (SignInFailedError, AccountLockedError, TooManyAttemptsError) as refused:
            error = refused
        else:
            response = flash.redirect(target)
            request.app[keys.GUARD].set_session_cookie(response, token, device)
            return response
    page = SignInPage(frame(request, "Sign in"), form, target, error)
    status = error.status if error else SignInFailedError.status
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)


async def sign_out(request: web.Request) -> web.Response:
    """POST /sign-out."""
    await request.app[keys.ACCOUNTS].sign_out(request.app[keys.GUARD].session_token(request))
    response = flash.redirect("/sign-in", "You are signed out.")
    request.app[keys.GUARD].clear_session_cookie(response)
    return response


async def show_password(request: web.Request) -> web.Response:
    """GET /password: the link carries the code behind #, so that no server logs it."""
    page = PasswordPage(frame(request, "Set your password"), Form())
    return request.app[keys.RENDERER].page(request, page)


async def set_password(request: web.Request) -> web.Response:
    """POST /password."""
    form = await read_form(request)
    code, password = form.text("code"), form.secret("password")
    error: ApplianceError | None = None
    device = request.app[keys.GUARD].device(request)
    if form.valid:
        accounts = request.app[keys.ACCOUNTS]
        try:
            token = await accounts.set_password(code, password, device)
        except ApplianceError as refused:
            error = refused
        else:
            response = flash.redirect(START, "Your password is set. Welcome.")
            request.app[keys.GUARD].set_session_cookie(response, token, device)
            return response
    page = PasswordPage(frame(request, "Set your password"), form, error)
    status = error.status if error else 422
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)
