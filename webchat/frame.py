"""The frame around every page of the chat site."""

from __future__ import annotations

from aiohttp import web

from appliance.accounts.frame import frame_of
from appliance.web.render import Frame, Site


def frame(request: web.Request, title: str, current: str = "") -> Frame:
    """Return the frame of a page for this request; `current` names the entry of the navigation."""
    return frame_of(Site.CHAT, request, title, current)
