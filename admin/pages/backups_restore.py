"""Restore in steps: where from, which set, what would follow, the word, and keep or undo.

The steps belong to the browser that holds their token. They need no database: a restore replaces
it, and with it the session of the person who restores.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.pages.backups import BACKUPS, refusal
from appliance.accounts.guard import client_address, permitted
from appliance.actors.model import Actor, ClaimCode
from appliance.actors.permissions import Permission
from appliance.backup.layout import AUTHORITY, CONFIGURATION, TARGETS, TLS
from appliance.backup_plan.errors import RestoreSessionError
from appliance.backup_plan.facts import CopiedTo, read_facts
from appliance.backup_plan.restoring import CONFIRMATION, RestoreSteps, Step
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.core.settings import MOST_TARGETS
from appliance.operations.model import Facts
from appliance.restore.model import What
from appliance.restore.wording import gone_sentence, restored_sentence
from appliance.web import flash
from appliance.web.cookies import Cookies
from appliance.web.forms import Form, read_form
from appliance.web.paths import whole_number
from appliance.web.render import Frame, wants_fragment

Handler = Callable[[web.Request], Awaitable[web.Response]]
StepsHandler = Callable[[web.Request, RestoreSteps], Awaitable[web.Response]]

RESTORE = "/admin/restore"
CLAIM = "/admin/claim"
_COOKIE = "cloister_restore"
_LASTS = 6 * 3600
_LONGEST_KEY = 200
# Tells htmx to ask no more.
_LAST_POLL = 286
_WHAT = (
    ("everything", "Everything: the machine is as it was then"),
    ("documents", "Only documents that are missing now"),
    ("configuration", "Only the settings"),
    ("document", "One document"),
    ("conversations", "The conversations of one person"),
    ("models", "The files of models that were saved last, whichever set is chosen"),
)
# By the folder of a set's files, what people call them.
_FILES = {
    CONFIGURATION: "the configuration cloister.env",
    TLS: "the certificate with its key",
    AUTHORITY: "the certificate authority",
    TARGETS: "the targets of copies",
}


@dataclass(frozen=True, slots=True)
class RestorePage:
    """The step that is next.

    `copies` are all places that can be chosen; `sources` are those of them that are only restored
    from. `is_here` says whether this machine has backups of its own, and `is_unclaimed` that the
    holder of the claim code restores. `gone` says what would be lost, and `done` what was restored.
    What is `waiting` belongs to root, who gives `place_files`.
    """

    template: ClassVar[str] = "restore.html"

    frame: Frame
    steps: RestoreSteps
    step: Step
    form: Form
    sources: tuple[CopiedTo, ...]
    copies: tuple[CopiedTo, ...]
    may_add: bool
    is_unclaimed: bool
    is_here: bool
    snapshots: tuple[Facts, ...]
    preview: Facts
    gone: str
    error: Words | None
    is_unconfirmed: bool
    done: str
    waiting: tuple[str, ...]
    place_files: str
    what: tuple[tuple[str, str], ...] = _WHAT
    word: str = CONFIRMATION


async def begin(request: web.Request) -> web.Response:
    """POST /admin/backups/restore."""
    return _begun(request, permitted(request, Permission.RESTORE), BACKUPS)


async def begin_unclaimed(request: web.Request) -> web.Response:
    """POST /admin/claim/restore: the claim code of a machine without an operator opens it."""
    form, address = await read_form(request), client_address(request)
    try:
        code = form.text("code")
        await request.app[keys.BREAKER].ask(
            lambda: request.app[keys.ACCOUNTS].check_claim_code(code, address=address)
        )
    except ApplianceError as error:
        return refusal(error, CLAIM)
    return _begun(request, ClaimCode(), CLAIM)


def _begun(request: web.Request, actor: Actor, back: str) -> web.Response:
    try:
        token = request.app[keys.RESTORING].begin(actor)
    except ApplianceError as error:
        return refusal(error, back)
    return _to_steps(request, token)


def _to_steps(request: web.Request, token: str) -> web.Response:
    response = flash.redirect(RESTORE)
    _cookies(request).set(response, _COOKIE, token, max_age=_LASTS)
    return response


def with_steps(handler: StepsHandler) -> Handler:
    """Give a handler the steps whose token the browser holds; without any it leads to Backups."""

    @wraps(handler)
    async def handled(request: web.Request) -> web.Response:
        token = _cookies(request).get(request, _COOKIE)
        try:
            steps = request.app[keys.RESTORING].steps(token)
        except RestoreSessionError as error:
            return refusal(error, BACKUPS)
        return await handler(request, steps)

    return handled


@with_steps
async def show_steps(request: web.Request, steps: RestoreSteps) -> web.Response:
    """GET /admin/restore, and for htmx how far it is."""
    return await _answer(request, steps, Form({"source": request.query.get("source", "")}))


@with_steps
async def go_on(request: web.Request, steps: RestoreSteps) -> web.Response:
    """POST /admin/restore/{step}: open a repository, go back, look at a set, or begin."""
    form, restoring = await read_form(request), request.app[keys.RESTORING]
    try:
        match request.match_info["step"]:
            case "open":
                await restoring.open(steps.token, _place(form))
            case "back":
                restoring.back(steps.token)
            case "preview":
                what, subject = form.value("what"), form.value("subject").strip()
                await restoring.look(steps.token, form.value("snapshot"), what, subject)
            case _:
                await restoring.start(steps.token, form.value("confirmation"))
    except ApplianceError as error:
        form.secret("key", maximum=_LONGEST_KEY)
        return await _answer(request, steps, form, error)
    return flash.redirect(RESTORE)


@with_steps
async def end(request: web.Request, steps: RestoreSteps) -> web.Response:
    """POST /admin/restore/{end}: keep the restored state, or undo the restore."""
    return await _end(request, steps.actor, request.match_info["end"], RESTORE)


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
        return _to_steps(request, await restoring.undo(actor))
    except ApplianceError as error:
        return refusal(error, back)


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
    targets = (*facts.sources, *facts.copies)
    packaged = request.app[keys.SETTINGS].packaged
    if not form.value("source"):
        elsewhere = targets and facts.catalog is None
        form = Form({"source": str(targets[0].target.number if elsewhere else 0)})
    shown = error or steps.error
    listed = steps.listed.get("snapshots")
    page = RestorePage(
        frame=frame(request, "Restore", "backups"),
        steps=steps,
        step=steps.step,
        form=form,
        sources=facts.sources,
        copies=targets,
        may_add=len(targets) < MOST_TARGETS,
        is_unclaimed=isinstance(steps.actor, ClaimCode),
        is_here=facts.catalog is not None,
        snapshots=tuple(map(_dated, listed)) if isinstance(listed, list) else (),
        preview=_previewed(steps.preview),
        gone=_gone(steps),
        error=shown.words_for(Audience.OPERATOR) if shown else None,
        is_unconfirmed=await request.app[keys.RESTORING].notes.former_is_kept(),
        done=_done(steps),
        waiting=_waiting(steps),
        place_files=f"{'sudo ' if packaged else ''}cloister restore files",
    )
    status = int(error.status if error else HTTPStatus.OK)
    if wants_fragment(request) and not steps.step.is_working:
        status = _LAST_POLL
    return request.app[keys.RENDERER].page(request, page, block="steps", status=status)


def _gone(steps: RestoreSteps) -> str:
    """Return what would be lost; a restore of a part replaces nothing."""
    gone = steps.preview.get("gone")
    return gone_sentence(gone) if steps.is_whole and isinstance(gone, Mapping) else ""


def _done(steps: RestoreSteps) -> str:
    if steps.step is not Step.DONE or not steps.result:
        return ""
    return restored_sentence(steps.result, What(str(steps.chosen["what"])))


def _waiting(steps: RestoreSteps) -> tuple[str, ...]:
    """Return what of a restored set only root may put in place."""
    files = steps.result.get("files")
    listed = [str(name) for name in files] if isinstance(files, list) else []
    folders = {name.partition("/")[0] for name in listed}
    return tuple(words for folder, words in _FILES.items() if folder in folders)


def _previewed(found: Facts) -> Facts:
    if saved_at := found.get("saved_at"):
        # Of models that were saved.
        return {**found, "saved_at": datetime.fromisoformat(str(saved_at))}
    then = found.get("then")
    return {**found, "then": _dated(then)} if isinstance(then, Mapping) else found


def _dated(snapshot: Facts) -> Facts:
    """Return a snapshot with its time as a moment, which pages write in local time."""
    return {**snapshot, "taken_at": datetime.fromisoformat(str(snapshot["taken_at"]))}
