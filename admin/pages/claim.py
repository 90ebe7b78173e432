"""The first step on a new machine: the holder of the claim code becomes its operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.login_redirect import is_claimed
from admin.pages.setup import SETUP
from appliance.accounts.guard import client_address
from appliance.accounts.secrets import LEAST_PASSWORD
from appliance.core.errors import ApplianceError
from appliance.setup.front import served_fingerprint
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """`claimed`: the machine has an operator already; then a code is the way back in.

    `fingerprint` is that of the certificate, for people to compare; empty without TLS.
    """

    template: ClassVar[str] = "claim.html"

    frame: Frame
    form: Form
    claimed: bool
    fingerprint: str
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
    device, address = request.app[keys.GUARD].device(request), client_address(request)
    try:
        token = await accounts.claim(code, name, display_name, password, device, address=address)
        request.app[keys.BREAKER].answered()
    except ApplianceError as error:
        return await _answer(request, form, error, status=error.status)
    response = flash.redirect(SETUP)
    request.app[keys.GUARD].set_session_cookie(response, token, device)
    return response


async def _answer(
    request: web.Request, form: Form, error: ApplianceError | None = None, status: int = 200
) -> web.Response:
    claimed = await is_claimed(request)
    fingerprint = await served_fingerprint(request.app[keys.SETTINGS])
    page = ClaimPage(frame(request, "Claim this machine"), form, claimed, fingerprint, error)
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)
