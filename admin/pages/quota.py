"""How much room each person's documents take, and may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.library.model import PersonUsage
from appliance.library.quota import Quota, parse_quota, written_quota
from appliance.settings.errors import SettingInvalidError
from appliance.settings.model import DOCUMENT_QUOTA
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.paths import identifier
from appliance.web.render import Frame

QUOTAS = "/admin/people/quota"


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person with the form that changes their quota, as it was typed."""

    person: PersonUsage
    form: Form


@dataclass(frozen=True, slots=True)
class QuotaPage:
    """Everybody, with the person whose documents take most first."""

    template: ClassVar[str] = "quota.html"

    frame: Frame
    people: Partial[list[PersonRow]]


async def show_quotas(request: web.Request) -> web.Response:
    """GET /admin/people/quota."""
    return await _answer(request, {})


async def set_quota(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/quota: `quota` is a size, “none” or “default”."""
    actor, person = permitted(request, Permission.MANAGE_PEOPLE), identifier(request)
    form = await read_form(request)
    quota = _typed(form)
    if quota is None:
        return await _answer(request, {str(person): form}, status=422)
    changed = await request.app[keys.QUOTAS].set(actor, person, quota)
    text = f"The room of {changed.display_name} is “{written_quota(changed.usage)}”."
    return flash.redirect(QUOTAS, text)


def _typed(form: Form) -> Quota | None:
    """Return what was typed; a wrong text is marked in the form."""
    try:
        return parse_quota(form.value("quota"))
    except SettingInvalidError:
        form.fail("quota", f"Please give a size {DOCUMENT_QUOTA.bounds}, or “default”.")
        return None


async def _answer(
    request: web.Request, typed: Mapping[str, Form], *, status: int = 200
) -> web.Response:
    actor, ask = permitted(request, Permission.MANAGE_PEOPLE), request.app[keys.BREAKER].ask
    quotas = request.app[keys.QUOTAS]

    async def rows() -> list[PersonRow]:
        people = await ask(lambda: quotas.everyone(actor))
        return [_row(person, typed.get(str(person.id))) for person in people]

    page = QuotaPage(frame(request, "Room for documents", "people"), await load_partial(rows))
    return request.app[keys.RENDERER].page(request, page, status=status)


def _row(person: PersonUsage, typed: Form | None) -> PersonRow:
    return PersonRow(person, typed or Form({"quota": written_quota(person.usage)}))
