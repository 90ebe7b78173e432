"""Sign in to the console, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.errors import NotOperatorError
from admin.frame import frame
from admin.login_redirect import CLAIM, SIGN_IN, START, is_claimed, local
from appliance.accounts.guard import client_address, visitor
from appliance.accounts.secrets import Secret
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame, wants_fragment


@dataclass(frozen=True, slots=True)
class SignInPage:
    """`target` is where the person wanted to go; `outage`: no password can be checked now."""

    template: ClassVar[str] = "sign_in.html"

    frame: Frame
    form: Form
    target: str
    error: ApplianceError | None = None
    outage: bool = False


async def show_sign_in(request: web.Request) -> web.Response:
    """GET /admin/sign-in; for htmx, where to go once the database answers again."""
    target = local(request.query.get("next", START))
    signed_in = visitor(request).signed_in
    if signed_in is not None and signed_in.may(Permission.USE_CONSOLE):
        return _redirect(request, target)
    if not await is_claimed(request):
        return _redirect(request, CLAIM)
    if wants_fragment(request):
        return await _until_the_outage_ends(request)
    return await _answer(request, Form(), target)


def _redirect(request: web.Request, target: str) -> web.Response:
    if wants_fragment(request):
        return web.Response(headers={"HX-Redirect": target})
    return flash.redirect(target)


async def _until_the_outage_ends(request: web.Request) -> web.Response:
    """Answer nothing during an outage, which leaves the page as it is; load it again afterwards."""
    if await _is_outage(request):
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return web.Response(headers={"HX-Redirect": request.path_qs})


async def sign_in(request: web.Request) -> web.Response:
    """POST /admin/sign-in."""
    form = await read_form(request)
    target = local(form.value("next"))
    name, password = form.text("name"), form.secret("password")
    if not form.valid:
        return await _answer(request, form, target, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    device = request.app[keys.GUARD].device(request)
    try:
        token = await _operator_session(request, name, password, device)
    except ApplianceError as error:
        return await _answer(request, form, target, error, status=error.status)
    response = flash.redirect(target)
    request.app[keys.GUARD].set_session_cookie(response, token, device)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """POST /admin/sign-out."""
    await request.app[keys.IDENTITY].sign_out(request.app[keys.GUARD].session_token(request))
    response = flash.redirect(SIGN_IN, "You are signed out.")
    request.app[keys.GUARD].clear_session_cookie(response)
    return response


async def _operator_session(request: web.Request, name: str, password: str, device: str) -> Secret:
    """Open a session. Raises NotOperatorError for members, and what `Accounts.sign_in` raises."""
    accounts = request.app[keys.ACCOUNTS]
    token = await accounts.sign_in(name, password, client_address(request), device)
    # Otherwise the breaker would still report an outage that has just ended.
    request.app[keys.BREAKER].answered()
    signed_in = await request.app[keys.IDENTITY].person(token.text)
    if signed_in is None or not signed_in.may(Permission.USE_CONSOLE):
        await accounts.sign_out(token.text)
        raise NotOperatorError(address=request.app[keys.SETTINGS].address)
    return token


async def _answer(
    request: web.Request,
    form: Form,
    target: str,
    error: ApplianceError | None = None,
    status: int = HTTPStatus.OK,
) -> web.Response:
    outage = await _is_outage(request)
    page = SignInPage(frame(request, "Sign in"), form, target, error, outage)
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)


async def _is_outage(request: web.Request) -> bool:
    try:
        await request.app[keys.BREAKER].ask(request.app[keys.ACCOUNTS].is_claimed)
    except DatabaseUnavailableError:
        return True
    return False
