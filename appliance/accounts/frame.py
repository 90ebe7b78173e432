"""The frame of every page of either site."""

from __future__ import annotations

from aiohttp import web

from appliance.accounts.guard import SignedIn, visitor
from appliance.actors.model import RescueCode
from appliance.actors.permissions import Permission
from appliance.web import flash
from appliance.web.render import Frame, Person, Site


def frame_of(site: Site, request: web.Request, title: str, current: str) -> Frame:
    """Return the frame of a page; `current` names the entry of the site's navigation."""
    asking = visitor(request)
    return Frame(
        title=title,
        site=site,
        csrf=asking.csrf,
        person=_shown(asking.signed_in),
        current=current,
        flash=flash.pending(request),
    )


def _shown(signed_in: SignedIn | None) -> Person | None:
    match signed_in:
        case None:
            return None
        case RescueCode():
            return Person("Rescue", "rescue code", may_use_console=True)
        case account:
            may_use_console = account.may(Permission.USE_CONSOLE)
            return Person(account.display_name, account.role, may_use_console=may_use_console)
