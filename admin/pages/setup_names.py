"""The step of the set-up for the name of the machine, and the other names that it serves."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin import keys
from admin.pages.settings import seen_in, trial_of, typed_values
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.settings.model import Setting
from appliance.settings.start_table import HOST, HOST_NAMES
from appliance.web.forms import Form

_SHOWN = (HOST.name, HOST_NAMES.name)


@dataclass(frozen=True, slots=True)
class NamesStep:
    """The settings of the names, and what a change of one restarts."""

    settings: tuple[Setting, ...]
    packaged: bool


async def load(request: web.Request) -> Loaded:
    """Show the names as they are."""
    settings = await _settings(request)
    content = NamesStep(settings, request.app[keys.SETTINGS].packaged)
    return Loaded(Form({each.entry.name: each.text for each in settings}), content)


async def save(request: web.Request, actor: Actor, form: Form) -> Saved:
    """Keep the names; other ones are on trial until a browser reaches the machine with them.

    Raises what `SettingChanges.change` raises.
    """
    values = typed_values(await _settings(request), form)
    if not form.valid:
        return Saved(is_done=False)
    if not values:
        return Saved()
    changed = await request.app[keys.CHANGES].change(actor, values, seen=seen_in(values, form))
    # Once it is confirmed, the step is opened again, and finds the names as they shall be.
    return Saved(is_done=changed.trial is None, answer=trial_of(request, changed))


async def _settings(request: web.Request) -> tuple[Setting, ...]:
    chosen = request.app[keys.OPERATOR_SETTINGS]
    known = await request.app[keys.BREAKER].ask(chosen.all)
    return tuple(setting for setting in known if setting.entry.name in _SHOWN)


VIEW = StepView(load, save)
