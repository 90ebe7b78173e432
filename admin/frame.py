"""The frame of every page of the console."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from admin import keys
from appliance.accounts.frame import frame_of
from appliance.web.render import Frame, Site, TrialNotice, url

TRIAL = "/admin/trial"
TLS = "/admin/tls"


def frame(request: web.Request, title: str, current: str = "") -> Frame:
    """Return the frame of a page for its reader; `current` names the entry of the navigation."""
    around = frame_of(Site.CONSOLE, request, title, current)
    return replace(
        around,
        version=request.app[keys.VERSION],
        banner=request.app[keys.LIVE].banner(),
        # Its token is for operators alone, and each person who is signed in here is one.
        trial=_trial(request) if around.person and around.person.may_use_console else None,
    )


def _trial(request: web.Request) -> TrialNotice | None:
    trials = request.app[keys.TRIALS]
    trial = trials.current()
    if trial is None or request.path == TRIAL:
        return None
    return TrialNotice(trials.seconds_left(), url(TRIAL, token=trial.token))
