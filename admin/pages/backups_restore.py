"""Restore in steps: where from, which set, what would follow, the word, and keep or undo.

The steps belong to the browser that holds their token. They need no database: a restore replaces
it, and with it the session of the person who restores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.pages.backups import BACKUPS, refusal
from appliance.accounts.guard import permitted
from appliance.actors.model import Actor, ClaimCode
from appliance.actors.permissions import Permission
from appliance.backup_plan.errors import RestoreSessionError
from appliance.backup_plan.facts import CopiedTo, read_facts
from appliance.backup_plan.restoring import CONFIRMATION, RestoreSteps, Step
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.operations.model import Facts, Progress
from appliance.web import flash
from appliance.web.cookies import Cookies
from appliance.web.forms import Form, read_form
from appliance.web.paths import whole_number
from appliance.web.render import Frame

RESTORE = "/admin/restore"
CLAIM = "/admin/claim"
_COOKIE = "cloister_restore"
_LASTS = 6 * 3600
_LONGEST_KEY, _LONGEST_FILE = 200, 4000
_WHAT = (
    ("everything", "Everything: the machine is as it was then"),
    ("documents", "Only documents that are missing now"),
    ("configuration", "Only the settings"),
    ("document", "One document"),
    ("conversations", "The conversations of one person"),
    ("models", "The files of models that were saved last, whichever set is chosen"),
)


@dataclass(frozen=True, slots=True)
class RestorePage:
    """The step that is next. `is_here` says whether this machine has backups of its own."""

    template: ClassVar[str] = "restore.html"

    frame: Frame
    steps: RestoreSteps
    step: Step
    form: Form
    copies: tuple[CopiedTo, ...]
    is_here: bool
    progress: Progress | None
    lines: tuple[str, ...]
    snapshots: tuple[dict[str, Any], ...]
    error: Words | None
    is_unconfirmed: bool
    what: tuple[tuple[str, str], ...] = _WHAT
    word: str = CONFIRMATION


async def begin(request: web.Request) -> web.Response:
    """POST /admin/backups/restore."""
    return _begun(request, permitted(request, Permission.RESTORE), BACKUPS)


async def begin_unclaimed(request: web.Request) -> web.Response:
    """POST /admin/claim/restore: the claim code of a machine without an operator opens it."""
    form = await read_form(request)
    try:
        code = form.text("code")
        await request.app[keys.BREAKER].ask(
            lambda: request.app[keys.ACCOUNTS].check_claim_code(code)
        )
    except ApplianceError as error:
        return refusal(error, CLAIM)
    return _begun(request, ClaimCode(), CLAIM)


def _begun(request: web.Request, actor: Actor, back: str) -> web.Response:
    try:
        token = request.app[keys.RESTORING].begin(actor)
    except ApplianceError as error:
        return refusal(error, back)
    response = flash.redirect(RESTORE)
    _cookies(request).set(response, _COOKIE, token, max_age=_LASTS)
    return response


async def show_steps(request: web.Request) -> web.Response:
    """GET /admin/restore, and for htmx how far it is."""
    try:
        steps = _steps(request)
    except RestoreSessionError as error:
        return refusal(error, BACKUPS)
    return await _answer(request, steps, Form({"source": "0", "what": "everything"}))


async def go_on(request: web.Request) -> web.Response:
    """POST /admin/restore/{step}: open a repository, look at a set, or begin the restore."""
    form, restoring = await read_form(request), request.app[keys.RESTORING]
    try:
        steps = _steps(request)
    except RestoreSessionError as error:
        return refusal(error, BACKUPS)
    try:
        match request.match_info["step"]:
            case "open":
                await restoring.open(steps.token, _place(form))
            case "preview":
                what, subject = form.value("what"), form.value("subject").strip()
                await restoring.look(steps.token, form.value("snapshot"), what, subject)
            case _:
                await restoring.start(steps.token, form.value("confirmation"))
    except ApplianceError as error:
        form.secret("key", maximum=_LONGEST_KEY)
        return await _answer(request, steps, form, error)
    return flash.redirect(RESTORE)


async def end(request: web.Request) -> web.Response:
    """POST /admin/restore/{end}: keep the restored state, or undo the restore."""
    try:
        actor = _steps(request).actor
    except RestoreSessionError as error:
        return refusal(error, BACKUPS)
    return await _end(request, actor, request.match_info["end"], RESTORE)


async def keep(request: web.Request) -> web.Response:
    """POST /admin/backups/restore/keep."""
    return await _end(request, permitted(request, Permission.RESTORE), "keep", BACKUPS)


async def undo(request: web.Request) -> web.Response:
    """POST /admin/backups/restore/undo."""
    return await _end(request, permitted(request, Permission.RESTORE), "undo", BACKUPS)


async def _end(request: web.Request, actor: Actor, word: str, back: str) -> web.Response:
    restoring = request.app[keys.RESTORING]
    try:
        if word == "keep":
            await restoring.keep(actor)
            return flash.redirect(back, "The restored state is kept; the one before it is deleted.")
        await restoring.undo(actor)
    except ApplianceError as error:
        return refusal(error, back)
    return flash.redirect(back, "The restore is undone: the database starts with its former state.")


def _steps(request: web.Request) -> RestoreSteps:
    token = _cookies(request).get(request, _COOKIE)
    return request.app[keys.RESTORING].steps(token)


def _cookies(request: web.Request) -> Cookies:
    return Cookies(secure=request.app[keys.SETTINGS].secure_cookies)


def _place(form: Form) -> Facts:
    """Return which repository the operation reads; without a key it uses its own."""
    source = whole_number(form.value("source")) or 0
    key = form.value("key").strip()[:_LONGEST_KEY]
    copies = {name: text for name in ("key_file", "config") if (text := form.value(name).strip())}
    return {"source": source, "key": key or None, **copies}


async def _answer(
    request: web.Request, steps: RestoreSteps, form: Form, error: ApplianceError | None = None
) -> web.Response:
    facts = await read_facts(request.app[keys.SETTINGS])
    restoring = request.app[keys.RESTORING]
    is_working = steps.step in {Step.RUNNING, Step.DONE, Step.FAILED}
    progress, lines = restoring.progress() if is_working else (None, [])
    shown = error or steps.error
    listed = steps.listed.get("snapshots")
    page = RestorePage(
        frame=frame(request, "Restore", "backups"),
        steps=steps,
        step=steps.step,
        form=form,
        copies=facts.copies,
        is_here=facts.catalog is not None,
        progress=progress,
        lines=tuple(lines),
        snapshots=tuple(listed) if isinstance(listed, list) else (),
        error=shown.words_for(Audience.OPERATOR) if shown else None,
        is_unconfirmed=await restoring.is_unconfirmed(),
    )
    return request.app[keys.RENDERER].page(
        request, page, block="steps", status=error.status if error else 200
    )
