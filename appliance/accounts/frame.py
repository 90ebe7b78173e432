"""What stands around every page of either site, for whoever asks."""

from __future__ import annotations

from aiohttp import web

from appliance.accounts.guard import visitor
from appliance.web import flash
from appliance.web.render import Frame, Person, Site


def frame_of(site: Site, request: web.Request, title: str, current: str) -> Frame:
    """Return the frame of a page; `current` names the entry of the site's navigation."""
    asking = visitor(request)
    account = asking.account
    return Frame(
        title=title,
        site=site,
        csrf=asking.csrf,
        person=Person(account.display_name, account.role) if account else None,
        current=current,
        flash=flash.pending(request),
    )
