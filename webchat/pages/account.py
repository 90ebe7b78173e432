"""The member's own account: the password and the API keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from aiohttp import web

from appliance.accounts.guard import person
from appliance.accounts.model import Account, ApiKey, Scope
from appliance.accounts.secrets import LEAST_PASSWORD
from appliance.core.errors import ApplianceError
from appliance.web import flash
from appliance.web.forms import Form, pairs, read_form
from appliance.web.paths import identifier
from appliance.web.render import Frame
from webchat import keys
from webchat.frame import frame

ACCOUNT = "/account"


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The account; `new_key` is the secret of a new key, which is shown only once."""

    template: ClassVar[str] = "account.html"

    frame: Frame
    account: Account
    api_keys: list[ApiKey]
    key_form: Form
    password_form: Form
    scopes: tuple[Scope, ...] = tuple(Scope)
    new_key: str | None = None
    key_error: ApplianceError | None = None
    password_error: ApplianceError | None = None
    least_password: int = LEAST_PASSWORD


async def show_account(request: web.Request) -> web.Response:
    """GET /account."""
    return _answer(request, await _page(request))


async def create_key(request: web.Request) -> web.Response:
    """POST /account/keys: answers with the page itself, because the secret is shown once."""
    owner, form = person(request), await read_form(request)
    page = await _page(request)
    name = form.text("name", maximum=100)
    days = form.whole_number("days", minimum=1, maximum=730)
    fields = await pairs(request)
    wanted = [scope for scope in Scope if ("scope", scope) in fields]
    if not form.valid:
        return _answer(request, replace(page, key_form=form), 422)
    try:
        _, secret = await request.app[keys.API_KEYS].create(owner, owner, name, wanted, days)
    except ApplianceError as error:
        return _answer(request, replace(page, key_form=form, key_error=error), error.status)
    return _answer(request, replace(await _page(request), new_key=secret.text))


async def revoke_key(request: web.Request) -> web.Response:
    """POST /account/keys/{id}/revoke."""
    owner, key_id = person(request), identifier(request)
    await request.app[keys.API_KEYS].revoke(owner, owner, key_id)
    return flash.redirect(ACCOUNT, "The key no longer works.")


async def change_password(request: web.Request) -> web.Response:
    """POST /account/password: ends every session, and every key if `revoke_keys` is “yes”."""
    form = await read_form(request)
    page = replace(await _page(request), password_form=form)
    old, new = form.secret("old"), form.secret("new")
    if not form.valid:
        return _answer(request, page, 422)
    try:
        await request.app[keys.ACCOUNTS].change_password(
            person(request), old, new, revoke_keys=form.value("revoke_keys") == "yes"
        )
    except ApplianceError as error:
        return _answer(request, replace(page, password_error=error), error.status)
    response = flash.redirect("/sign-in", "Your password is changed. Sign in with the new one.")
    request.app[keys.GUARD].clear_session_cookie(response)
    return response


async def _page(request: web.Request) -> AccountPage:
    account = person(request)
    api_keys = await request.app[keys.API_KEYS].mine(account)
    return AccountPage(frame(request, "Your account", "account"), account, api_keys, Form(), Form())


def _answer(request: web.Request, page: AccountPage, status: int = 200) -> web.Response:
    refusal = page.key_error or page.password_error
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=refusal)
