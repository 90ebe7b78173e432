"""A change on trial: where to open this machine now, and how to confirm the change or undo it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import TLS, TRIAL, frame
from appliance.trial.errors import TrialOverError
from appliance.trial.model import Trial, TrialKind
from appliance.web import flash
from appliance.web.forms import read_form
from appliance.web.render import FlashKind, Frame, url

_AFTERWARDS = {
    TrialKind.SETTINGS: "/admin/settings",
    TrialKind.CERTIFICATE: TLS,
}
# Which of the services the browser gets through.
_FRONT = "nginx"


class Stage(StrEnum):
    """How far a trial is, for the browser that asks."""

    STARTED = "started"
    COMING = "coming"
    REACHED = "reached"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class TrialPage:
    """`links` lead to this machine where it may be reached with the change, once it STARTED.

    COMING: what runs does not have the change yet. `here` is this page, with its token.
    """

    template: ClassVar[str] = "trial.html"

    frame: Frame
    stage: Stage
    seconds: int = 0
    token: str = ""
    here: str = TRIAL
    links: tuple[str, ...] = ()


async def show_trial(request: web.Request) -> web.Response:
    """GET /admin/trial?token=…: a browser that gets this page reaches the machine."""
    return _answer(request, request.query.get("token", ""))


async def end_trial(request: web.Request) -> web.Response:
    """POST /admin/trial: `confirm` the change, or `undo` it now; the token says which."""
    trials, form = request.app[keys.TRIALS], await read_form(request)
    token, is_undone = form.value("token"), form.value("action") == "undo"
    try:
        trial = trials.require(token)
        if not is_undone and not _is_in_use(request, trial):
            return _answer(request, token)
        await (trials.undo_now() if is_undone else trials.confirm(token))
    except TrialOverError:
        return _answer(request, token)
    if is_undone:
        return flash.redirect(_AFTERWARDS[trial.kind], "The change is undone.", FlashKind.NOTE)
    return flash.redirect(_AFTERWARDS[trial.kind], "The change is confirmed.")


def trial_started(request: web.Request, links: tuple[str, ...]) -> web.Response:
    """Answer a change that is on trial now: the address of this page may be gone in a moment."""
    around = replace(frame(request, "On trial", "settings"), trial=None)
    seconds = request.app[keys.TRIALS].seconds_left()
    page = TrialPage(around, Stage.STARTED, seconds, links=links)
    return request.app[keys.RENDERER].page(request, page)


def _answer(request: web.Request, token: str) -> web.Response:
    around, trials = frame(request, "On trial"), request.app[keys.TRIALS]
    render = request.app[keys.RENDERER].page
    try:
        trial = trials.require(token)
    except TrialOverError as error:
        return render(request, TrialPage(around, Stage.OVER), status=error.status, refusal=error)
    stage = Stage.REACHED if _is_in_use(request, trial) else Stage.COMING
    # A form that came too early is refused.
    is_early = stage is Stage.COMING and request.method == "POST"
    status = HTTPStatus.CONFLICT if is_early else HTTPStatus.OK
    here = url(TRIAL, token=token)
    page = TrialPage(around, stage, trials.seconds_left(), token, here)
    return render(request, page, status=status)


def _is_in_use(request: web.Request, trial: Trial) -> bool:
    """Say whether what runs has the change: before that, to reach the machine proves nothing.

    A web server that was started before settings changed is not healthy for this supervisor until
    it has restarted.
    """
    if trial.kind is not TrialKind.SETTINGS:
        return True
    fronts = [unit for unit in request.app[keys.UNITS].units() if unit.name == _FRONT]
    is_pending = request.app[keys.START].restart.is_set()
    return not is_pending and all(unit.phase.is_healthy for unit in fronts)
