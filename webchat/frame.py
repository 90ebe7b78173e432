"""What stands around every page of the chat site."""

from __future__ import annotations

from aiohttp import web

from appliance.accounts.model import Account
from appliance.web import flash
from appliance.web.render import Frame, Person, Site


def frame(request: web.Request, title: str, current: str = "") -> Frame:
    """Return the frame of a page for whoever asks; `current` names the entry of the navigation."""
    account: Account | None = request.get("person")
    return Frame(
        title=title,
        site=Site.CHAT,
        csrf=request.get("csrf", ""),
        person=Person(account.display_name, account.role) if account else None,
        current=current,
        flash=flash.pending(request),
    )
