"""The step of the set-up that adds a second operator."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin import keys
from admin.pages.people import invitation_of
from admin.setup_view import Loaded, Saved, StepView
from appliance.accounts.guard import permitted, visitor
from appliance.accounts.model import Account
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission, Role
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class Operators:
    """Who looks at the page, and the other operators."""

    own: Account | None
    others: tuple[Account, ...]


async def load(request: web.Request) -> Loaded:
    """Show who may open the console."""
    actor, own = permitted(request, Permission.MANAGE_PEOPLE), visitor(request).account
    people = request.app[keys.PEOPLE]
    everybody = await request.app[keys.BREAKER].ask(lambda: people.all(actor))
    others = [each for each in everybody if each.may(Permission.USE_CONSOLE) and each != own]
    return Loaded(Form(), Operators(own, tuple(others)))


async def save(request: web.Request, actor: Actor, form: Form) -> Saved:
    """Add the second operator, if one is named; their link is shown once."""
    if not (form.value("name").strip() or form.value("display_name").strip()):
        return Saved()
    name, display_name = form.text("name", maximum=64), form.text("display_name", maximum=100)
    if not form.valid:
        return Saved(is_done=False)
    made = await request.app[keys.PEOPLE].add(actor, name, display_name, Role.OPERATOR)
    return Saved(once=invitation_of(request, *made))


VIEW = StepView(load, save)
