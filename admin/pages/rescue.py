"""The way in while no password can be checked: a code from the machine itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.errors import RescueNotNeededError
from admin.frame import frame
from admin.login_redirect import START
from appliance.accounts.guard import client_address
from appliance.accounts.secrets import Secret
from appliance.actors.model import RescueCode
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame


@dataclass(frozen=True, slots=True)
class RescuePage:
    """One field."""

    template: ClassVar[str] = "rescue.html"

    frame: Frame
    form: Form
    error: ApplianceError | None = None


async def show_rescue(request: web.Request) -> web.Response:
    """GET /admin/rescue: the code comes after # in the link, where no server logs it."""
    return _answer(request, Form())


async def rescue(request: web.Request) -> web.Response:
    """POST /admin/rescue."""
    form = await read_form(request)
    code = form.text("code")
    if not form.valid:
        return _answer(request, form, status=422)
    try:
        token = await _session(request, code)
    except ApplianceError as error:
        return _answer(request, form, error, status=error.status)
    message = "You are in, for an hour at most, and only while the database is down."
    response = flash.redirect(START, message)
    request.app[keys.GUARD].set_session_cookie(response, token)
    return response


async def _session(request: web.Request, code: str) -> Secret:
    """Use the code up. Raises RescueNotNeededError, and what `Rescue.use` raises."""
    try:
        await request.app[keys.BREAKER].ask(request.app[keys.ACCOUNTS].is_claimed)
    except DatabaseUnavailableError:
        address = client_address(request)
        token = request.app[keys.RESCUE].use(code, address)
        event = AuditEvent(
            Action.RESCUE_CODE_USE, ObjectType.RESCUE_CODE, detail={"address": address}
        )
        await request.app[keys.AUDIT].note(RescueCode(), event)
        return token
    raise RescueNotNeededError


def _answer(
    request: web.Request, form: Form, error: ApplianceError | None = None, status: int = 200
) -> web.Response:
    page = RescuePage(frame(request, "Rescue"), form, error)
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)
