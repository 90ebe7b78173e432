"""The first step on a new machine: the holder of the claim code becomes its operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.login_redirect import START, is_claimed
from appliance.accounts.secrets import LEAST_PASSWORD
from appliance.core.errors import ApplianceError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """`claimed`: the machine has an operator already; then a code is the way back in."""

    template: ClassVar[str] = "claim.html"

    frame: Frame
    form: Form
    claimed: bool
    error: ApplianceError | None = None
    least_password: int = LEAST_PASSWORD


async def show_claim(request: web.Request) -> web.Response:
    """GET /admin/claim: the code comes after # in the link, where no server logs it."""
    return await _answer(request, Form())


async def claim(request: web.Request) -> web.Response:
    """POST /admin/claim."""
    form, accounts = await read_form(request), request.app[keys.ACCOUNTS]
    code, name = form.text("code"), form.text("name", maximum=64)
    display_name = form.text("display_name", maximum=100)
    password = form.secret("password")
    if not form.valid:
        return await _answer(request, form, status=422)
    device = request.app[keys.GUARD].device(request)
    try:
        token = await accounts.claim(code, name, display_name, password, device)
        request.app[keys.BREAKER].answered()
    except ApplianceError as error:
        return await _answer(request, form, error, status=error.status)
    response = flash.redirect(f"{START}?welcome=1")
    request.app[keys.GUARD].set_session_cookie(response, token, device)
    return response


async def _answer(
    request: web.Request, form: Form, error: ApplianceError | None = None, status: int = 200
) -> web.Response:
    claimed = await is_claimed(request)
    page = ClaimPage(frame(request, "Claim this machine"), form, claimed, error)
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)
