"""Where the backups are: a place that is only restored from, in the first step of a restore."""

from __future__ import annotations

from aiohttp import web

from admin import keys
from admin.pages.backups import refusal
from admin.pages.backups_restore import RESTORE, with_steps
from admin.pages.backups_targets import new_form, number_of, read_values, refused, show_form
from appliance.backup_plan.restoring import RestoreSteps
from appliance.core.errors import ApplianceError
from appliance.web import flash

_TITLE = "Where the backups are"


@with_steps
async def show_new(request: web.Request, _: RestoreSteps) -> web.Response:
    """GET /admin/restore/target?kind=."""
    return show_form(request, _TITLE, new_form(request), is_source=True)


@with_steps
async def add(request: web.Request, steps: RestoreSteps) -> web.Response:
    """POST /admin/restore/target: the place is reached, and holds backups, before it is kept."""
    values = await read_values(request)
    try:
        saved = await request.app[keys.TARGETS].add_source(steps.actor, values)
    except ApplianceError as error:
        return show_form(request, _TITLE, refused(values, error), error, is_source=True)
    said = f"“{saved.name}” holds backups. Choose it, and type the recovery key of their sheet."
    return flash.redirect(f"{RESTORE}?source={saved.number}", said)


@with_steps
async def remove(request: web.Request, steps: RestoreSteps) -> web.Response:
    """POST /admin/restore/target/{number}/remove."""
    try:
        target = await request.app[keys.TARGETS].remove_source(steps.actor, number_of(request))
    except ApplianceError as error:
        return refusal(error, RESTORE)
    return flash.redirect(RESTORE, f"“{target.name}” is forgotten. What is there stays.")
