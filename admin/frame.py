"""The frame of every page of the console."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from admin import keys
from appliance.accounts.frame import frame_of
from appliance.web.render import Frame, Site


def frame(request: web.Request, title: str, current: str = "") -> Frame:
    """Return the frame of a page for its reader; `current` names the entry of the navigation."""
    around = frame_of(Site.CONSOLE, request, title, current)
    return replace(around, version=request.app[keys.VERSION])
