"""Everything at a glance: what runs, what does not, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.login_redirect import START
from admin.machine import Facts
from admin.page_stream import stream_page
from admin.verdict import Verdict, judge
from appliance.supervisor.model import UnitView
from appliance.units.model import Absent
from appliance.web import flash
from appliance.web.render import Frame

_EVERY_SECONDS = 5.0
_BLOCKS = ("verdict", "units", "machine")


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """`welcome` shows the next steps to whoever has just claimed the machine."""

    template: ClassVar[str] = "overview.html"

    frame: Frame
    verdict: Verdict
    units: list[UnitView]
    absent: tuple[Absent, ...]
    facts: Facts
    library_url: str
    welcome: bool = False


async def show_overview(request: web.Request) -> web.Response:
    """GET /admin/, and for htmx the units alone."""
    page = await _page(request, welcome="welcome" in request.query)
    return request.app[keys.RENDERER].page(request, page, block="units")


async def to_overview(_request: web.Request) -> web.Response:
    """GET /admin: relative links need the slash."""
    return flash.redirect(START)


async def follow_overview(request: web.Request) -> web.StreamResponse:
    """GET /admin/events."""

    async def render() -> Mapping[str, str]:
        page = await _page(request)
        fragment = request.app[keys.RENDERER].fragment
        return {block: fragment(page.template, block, page) for block in _BLOCKS}

    changes = request.app[keys.UNITS].subscribe()
    return await stream_page(request, render, every=_EVERY_SECONDS, changes=changes)


async def _page(request: web.Request, *, welcome: bool = False) -> OverviewPage:
    facts = await request.app[keys.MACHINE].facts()
    # Asked last, so that the units are as fresh as the answer.
    units = request.app[keys.UNITS].units()
    return OverviewPage(
        frame(request, "Overview", "overview"),
        judge(units, facts),
        units,
        request.app[keys.MACHINE].absent,
        facts,
        f"{request.app[keys.SETTINGS].address}/library",
        welcome=welcome,
    )
