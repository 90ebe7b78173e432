"""What an operator may set, what a change restarts, and what is wrong in `cloister.env`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import TRIAL, frame
from admin.pages.trial import trial_started
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.environment_file import environment_findings
from appliance.core.settings import ENVIRONMENT_FILE
from appliance.settings.addresses import addresses_to_try
from appliance.settings.changes import Changed
from appliance.settings.entry import Group, Value
from appliance.settings.errors import SettingChangedError, SettingInvalidError
from appliance.settings.model import Setting
from appliance.settings.words import sentence_of
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import FlashKind, Frame

SETTINGS = "/admin/settings"
# Before the name of a field: what it had when the page was opened.
SEEN = "seen-"
# Tells an empty value from a field that was not sent.
MARK = "="
_TITLES = {
    Group.SITES: "Both sites",
    Group.ADDRESSES: "Addresses",
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
    packaged: bool
    file: str
    findings: tuple[str, ...]


async def show_settings(request: web.Request) -> web.Response:
    """GET /admin/settings."""
    return await _answer(request)


async def save_settings(request: web.Request) -> web.Response:
    """POST /admin/settings: all fields or none; an empty one goes back to its default.

    The form brings along what each field had when the page was opened: what the operator left as it
    was is not saved, and what another operator changed meanwhile is not overwritten.
    """
    actor, form = permitted(request, Permission.CHANGE_SETTINGS), await read_form(request)
    known = await request.app[keys.BREAKER].ask(request.app[keys.OPERATOR_SETTINGS].all)
    values = typed_values(known, form)
    if not form.valid:
        return await _answer(request, form=form, status=422)
    try:
        changes = request.app[keys.CHANGES]
        changed = await changes.change(actor, values, seen=seen_in(values, form))
    except SettingChangedError as error:
        return await _answer(request, form=again_after(error, form), status=error.status)
    return _done(request, changed)


def _done(request: web.Request, changed: Changed) -> web.Response:
    """Say what was saved, or where to confirm what is on trial."""
    if (on_trial := trial_of(request, changed)) is not None:
        return on_trial
    if not changed.settings:
        return flash.redirect(SETTINGS, "Nothing was changed.", FlashKind.NOTE)
    names = ", ".join(f"“{each.entry.title}” is {each.text}" for each in changed.settings)
    restarts = " Services restart now." if changed.restarts else ""
    return flash.redirect(SETTINGS, f"Saved: {names}.{restarts}")


def again_after(error: SettingChangedError, form: Form) -> Form:
    """Return the form after another operator's change, which the next attempt starts out from."""
    name, now = str(error.facts["name"]), str(error.facts["value"])
    again = form.with_value(SEEN + name, MARK + now)
    again.fail(name, f"{error.message} {error.advice}")
    return again


def trial_of(request: web.Request, changed: Changed) -> web.Response | None:
    """Return the page that leads to where a change on trial is confirmed, if one is."""
    if changed.trial is None or changed.after is None:
        return None
    query = f"{TRIAL}?token={changed.trial.token}"
    addresses = addresses_to_try(changed.after, request.host)
    return trial_started(request, tuple(f"{address}{query}" for address in addresses))


def typed_values(known: Iterable[Setting], form: Form) -> dict[str, Value | None]:
    """Return what was changed in the form, by name; a wrong value is marked in the form."""
    typed = ((setting, _typed(setting, form)) for setting in known)
    return {each.entry.name: value for each, value in typed if value != each.value}


def _typed(setting: Setting, form: Form) -> Value | None:
    """Return the value of a field; a wrong one is marked in the form.

    A field that the operator left alone has the value that is in use.
    """
    name = setting.entry.name
    text = form.value(name).strip()
    # A default from the environment need not be within the bounds.
    if text in {setting.text, _seen_text(name, form)}:
        return setting.value
    if not text:
        return None
    try:
        return setting.entry.parse(text)
    except SettingInvalidError:
        form.fail(name, f"This must be {setting.entry.bounds}.")
        return setting.value


def seen_in(values: Mapping[str, object], form: Form) -> dict[str, str]:
    """Return what the changed fields had when the operator opened the page."""
    found = {name: _seen_text(name, form) for name in values}
    return {name: text for name, text in found.items() if text is not None}


def _seen_text(name: str, form: Form) -> str | None:
    sent = form.value(SEEN + name)
    return sent.removeprefix(MARK) if sent.startswith(MARK) else None


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
        request.app[keys.SETTINGS].packaged,
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
