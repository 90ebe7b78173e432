"""Who may sign in, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.accounts.model import Account, Belongings
from appliance.accounts.secrets import Secret
from appliance.actors.model import Person
from appliance.actors.permissions import Permission, Role
from appliance.core.errors import ApplianceError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.paths import identifier
from appliance.web.render import Frame

PEOPLE = "/admin/people"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that sets a person's password; shown once."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, and what a lock or a removal would concern."""

    person: Account
    belongings: Belongings


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """`invitation` was made just now, for the person whom it names."""

    template: ClassVar[str] = "people.html"

    frame: Frame
    people: Partial[list[PersonRow]]
    own_id: UUID | None
    form: Form
    error: ApplianceError | None = None
    invitation: Invitation | None = None


async def show_people(request: web.Request) -> web.Response:
    """GET /admin/people."""
    return await _answer(request)


async def add(request: web.Request) -> web.Response:
    """POST /admin/people: answers with the page itself, because the link is shown once."""
    actor = permitted(request, Permission.MANAGE_PEOPLE)
    form = await read_form(request)
    name, display_name = form.text("name", maximum=64), form.text("display_name", maximum=100)
    role = form.choice("role", tuple(Role))
    if not form.valid:
        return await _answer(request, form=form, status=422)
    try:
        made = await request.app[keys.PEOPLE].add(actor, name, display_name, Role(role))
    except ApplianceError as error:
        return await _answer(request, form=form, error=error, status=error.status)
    return await _answer(request, invitation=invitation_of(request, *made))


async def invite(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/invite: answers with the page, because the link is shown once."""
    actor = permitted(request, Permission.MANAGE_PEOPLE)
    made = await request.app[keys.PEOPLE].invite(actor, identifier(request))
    return await _answer(request, invitation=invitation_of(request, *made))


async def set_role(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/role."""
    actor, account_id = permitted(request, Permission.MANAGE_PEOPLE), identifier(request)
    form = await read_form(request)
    role = form.choice("role", tuple(Role))
    if not form.valid:
        return await _answer(request, status=422)
    try:
        await request.app[keys.PEOPLE].set_role(actor, account_id, Role(role))
    except ApplianceError as error:
        return await _answer(request, error=error, status=error.status)
    return flash.redirect(PEOPLE, f"They are {_article(role)} now, and have to sign in again.")


async def lock(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/lock."""
    actor, account_id = permitted(request, Permission.MANAGE_PEOPLE), identifier(request)
    try:
        await request.app[keys.PEOPLE].set_locked(actor, account_id, locked=True)
    except ApplianceError as error:
        return await _answer(request, error=error, status=error.status)
    return flash.redirect(PEOPLE, "They are locked out, and signed out everywhere.")


async def unlock(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/unlock."""
    actor, account_id = permitted(request, Permission.MANAGE_PEOPLE), identifier(request)
    await request.app[keys.PEOPLE].set_locked(actor, account_id, locked=False)
    return flash.redirect(PEOPLE, "They can sign in again.")


async def remove(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/remove."""
    actor, account_id = permitted(request, Permission.MANAGE_PEOPLE), identifier(request)
    try:
        await request.app[keys.PEOPLE].remove(actor, account_id)
    except ApplianceError as error:
        return await _answer(request, error=error, status=error.status)
    return flash.redirect(PEOPLE, "The person is removed, with what was theirs alone.")


def _article(role: str) -> str:
    return {Role.OPERATOR: "an operator", Role.MEMBER: "a member"}[Role(role)]


def invitation_of(request: web.Request, account: Account, code: Secret) -> Invitation:
    """Return the link with which a person sets a password."""
    # Behind #, so that the code reaches no server's log and no other site.
    address = request.app[keys.SETTINGS].address
    return Invitation(account.display_name, f"{address}/password#{code.text}")


async def _answer(
    request: web.Request,
    *,
    form: Form | None = None,
    error: ApplianceError | None = None,
    invitation: Invitation | None = None,
    status: int = 200,
) -> web.Response:
    actor, ask = permitted(request, Permission.USE_CONSOLE), request.app[keys.BREAKER].ask
    people = request.app[keys.PEOPLE]

    async def load() -> list[PersonRow]:
        return [PersonRow(*found) for found in await people.all_with_belongings(actor)]

    page = PeoplePage(
        frame(request, "People", "people"),
        await load_partial(lambda: ask(load)),
        actor.id if isinstance(actor, Person) else None,
        form or Form({"role": Role.MEMBER}),
        error,
        invitation,
    )
    return request.app[keys.RENDERER].page(request, page, status=status, refusal=error)
