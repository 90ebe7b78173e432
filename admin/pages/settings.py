"""What an operator may set while Cloister runs, and what is wrong in `cloister.env`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.environment_file import environment_findings
from appliance.core.settings import ENVIRONMENT_FILE
from appliance.settings.entry import Group, Value
from appliance.settings.errors import SettingInvalidError
from appliance.settings.model import Setting
from appliance.settings.words import sentence_of
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import FlashKind, Frame

SETTINGS = "/admin/settings"
_TITLES = {
    Group.DOCUMENTS: "Documents",
    Group.ANSWERS: "Answers",
    Group.BACKUPS: "Backups",
    Group.RECORDS: "Records",
}


@dataclass(frozen=True, slots=True)
class GroupOfSettings:
    """The settings under one heading."""

    title: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """`form` holds what was typed; `findings` is what is wrong with the file of the start."""

    template: ClassVar[str] = "settings.html"

    frame: Frame
    groups: Partial[list[GroupOfSettings]]
    form: Form
    file: str
    findings: tuple[str, ...]


async def show_settings(request: web.Request) -> web.Response:
    """GET /admin/settings."""
    return await _answer(request)


async def save_settings(request: web.Request) -> web.Response:
    """POST /admin/settings: all fields or none; an empty one goes back to its default."""
    actor, form = permitted(request, Permission.CHANGE_SETTINGS), await read_form(request)
    chosen = request.app[keys.OPERATOR_SETTINGS]
    known = await request.app[keys.BREAKER].ask(chosen.all)
    values = {
        setting.entry.name: value
        for setting in known
        if (value := _typed(setting, form)) != setting.value
    }
    if not form.valid:
        return await _answer(request, form=form, status=422)
    changed = await chosen.change(actor, values)
    if not changed:
        return flash.redirect(SETTINGS, "Nothing was changed.", FlashKind.NOTE)
    names = ", ".join(f"“{setting.entry.title}” is {setting.text}" for setting in changed)
    return flash.redirect(SETTINGS, f"Saved: {names}.")


def _typed(setting: Setting, form: Form) -> Value | None:
    """Return the value of a field; a wrong one is marked in the form."""
    text = form.value(setting.entry.name).strip()
    if not text:
        return None
    # A default from the environment need not be within the bounds.
    if text == setting.text:
        return setting.value
    try:
        return setting.entry.parse(text)
    except SettingInvalidError:
        form.fail(setting.entry.name, f"Please give a value {setting.entry.bounds}.")
        return setting.value


async def _answer(
    request: web.Request, *, form: Form | None = None, status: int = 200
) -> web.Response:
    ask, chosen = request.app[keys.BREAKER].ask, request.app[keys.OPERATOR_SETTINGS]
    settings = await load_partial(lambda: ask(chosen.all))
    typed = form or Form({each.entry.name: each.text for each in settings.value or []})
    page = SettingsPage(
        frame(request, "Settings", "settings"),
        Partial(None if settings.value is None else _grouped(settings.value), settings.problem),
        typed,
        str(ENVIRONMENT_FILE),
        await _findings(request),
    )
    return request.app[keys.RENDERER].page(request, page, status=status)


def _grouped(settings: Sequence[Setting]) -> list[GroupOfSettings]:
    return [
        GroupOfSettings(_TITLES[group], tuple(s for s in settings if s.entry.group is group))
        for group in Group
    ]


async def _findings(request: web.Request) -> tuple[str, ...]:
    """Return what is wrong with the file that the package reads at each start."""
    if not request.app[keys.SETTINGS].packaged:
        return ()
    found = await asyncio.to_thread(environment_findings, ENVIRONMENT_FILE)
    return tuple(map(sentence_of, found))
