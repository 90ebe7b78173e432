"""The guided set-up: a list of steps, and one page a step, which is saved when it is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.login_redirect import START
from admin.pages import (
    setup_backups,
    setup_check,
    setup_models,
    setup_names,
    setup_operators,
    setup_start,
    setup_tls,
)
from admin.setup_view import StepView
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.setup.model import Progress, Step, StepState
from appliance.setup.words import StepWords, words_of
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame, wants_fragment

SETUP = "/admin/setup"
STEP = f"{SETUP}/{{step:{'|'.join(Step)}}}"
VIEWS: Mapping[Step, StepView] = {
    Step.START: setup_start.VIEW,
    Step.NAMES: setup_names.VIEW,
    Step.TLS: setup_tls.VIEW,
    Step.OPERATORS: setup_operators.VIEW,
    Step.MODELS: setup_models.VIEW,
    Step.BACKUPS: setup_backups.VIEW,
    Step.CHECK: setup_check.VIEW,
}


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step in the list."""

    step: Step
    words: StepWords
    state: StepState


@dataclass(frozen=True, slots=True)
class SetupPage:
    """All steps, and the one that is next."""

    template: ClassVar[str] = "setup.html"

    frame: Frame
    rows: tuple[StepRow, ...]
    next_step: Step | None


@dataclass(frozen=True, slots=True)
class StepPage:
    """One step. `content` is its own, and `once` what is shown this one time."""

    template: ClassVar[str] = "setup_step.html"

    frame: Frame
    rows: tuple[StepRow, ...]
    row: StepRow
    next_step: Step | None
    form: Form
    content: object
    once: object = None
    error: Words | None = None


async def show_setup(request: web.Request) -> web.Response:
    """GET /admin/setup."""
    progress = await _progress(request)
    page = SetupPage(frame(request, "Set-up", "overview"), _rows(progress), progress.next_step)
    return request.app[keys.RENDERER].page(request, page)


async def show_step(request: web.Request) -> web.Response:
    """GET /admin/setup/{step}, and for htmx what changes of it."""
    step = _step(request)
    return await _answer(request, step, None)


async def save_step(request: web.Request) -> web.Response:
    """POST /admin/setup/{step}: save it, and go to the next one that is open."""
    actor, step = permitted(request, Permission.CHANGE_SETTINGS), _step(request)
    form = await read_form(request)
    try:
        saved = await VIEWS[step].save(request, actor, form)
    except ApplianceError as error:
        return await _answer(request, step, form, error, status=error.status)
    if not form.valid:
        return await _answer(request, step, form, status=422)
    if saved.is_done:
        await request.app[keys.SETUP].finish(actor, step)
    if saved.answer is not None:
        return saved.answer
    if saved.once is not None:
        return await _answer(request, step, None, once=saved.once)
    return flash.redirect(await _after(request, step) if saved.is_done else f"{SETUP}/{step}")


async def skip_step(request: web.Request) -> web.Response:
    """POST /admin/setup/{step}/skip."""
    actor, step = permitted(request, Permission.CHANGE_SETTINGS), _step(request)
    await request.app[keys.SETUP].skip(actor, step)
    return flash.redirect(await _after(request, step))


async def _after(request: web.Request, step: Step) -> str:
    """Return where it goes on: at the end on the overview."""
    progress = await _progress(request)
    following = progress.after(step)
    if following is None:
        return START if progress.is_finished else f"{SETUP}/{step}"
    return f"{SETUP}/{following}"


async def _progress(request: web.Request) -> Progress:
    return await request.app[keys.BREAKER].ask(request.app[keys.SETUP].progress)


async def _answer(
    request: web.Request,
    step: Step,
    form: Form | None,
    error: ApplianceError | None = None,
    *,
    once: object = None,
    status: int = 200,
) -> web.Response:
    progress, loaded = await _progress(request), await VIEWS[step].load(request)
    if wants_fragment(request) and not loaded.is_moving:
        # What came to an end changes the whole page.
        return web.Response(headers={"HX-Refresh": "true"})
    rows = _rows(progress)
    page = StepPage(
        frame=frame(request, words_of(step).title, "overview"),
        rows=rows,
        row=rows[step.number - 1],
        next_step=progress.after(step),
        form=form or loaded.form,
        content=loaded.content,
        once=once,
        error=error.words_for(Audience.OPERATOR) if error else None,
    )
    return request.app[keys.RENDERER].page(
        request, page, block="content", status=status, refusal=error
    )


def _rows(progress: Progress) -> tuple[StepRow, ...]:
    return tuple(StepRow(step, words_of(step), progress.state(step)) for step in Step)


def _step(request: web.Request) -> Step:
    return Step(request.match_info["step"])
