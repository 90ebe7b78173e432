"""The first step of the set-up: a new machine, or the backups of another one."""

from __future__ import annotations

from aiohttp import web

from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.web.forms import Form


async def load(_: web.Request) -> Loaded:
    """Show both ways; a restore has steps of its own."""
    return Loaded(Form(), None)


async def save(_request: web.Request, _actor: Actor, _form: Form) -> Saved:
    """Go on with a new machine."""
    return Saved()


VIEW = StepView(load, save)
