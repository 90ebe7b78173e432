"""The frame around every page of the chat site."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from appliance.accounts.frame import frame_of
from appliance.web.render import Frame, Site
from webchat import keys


def frame(request: web.Request, title: str, current: str = "") -> Frame:
    """Return the frame of a page for this request; `current` names the entry of the navigation."""
    around = frame_of(Site.CHAT, request, title, current)
    return replace(around, banner=request.app[keys.LIVE].banner())
