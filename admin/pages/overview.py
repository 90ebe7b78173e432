"""Everything at a glance: what runs, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import load_partial
from admin.frame import frame
from admin.login_redirect import START
from admin.overview_facts import OverviewFacts
from admin.overview_health import OverviewHealth, ServiceCard, overview_health, service_card
from admin.page_stream import stream_page
from appliance.health.service_words import title_of
from appliance.setup.model import Step
from appliance.setup.words import StepWords, words_of
from appliance.units.model import Absent
from appliance.web import flash
from appliance.web.render import Frame

_EVERY_SECONDS = 5.0
_BLOCKS = ("health", "services", "machine")


@dataclass(frozen=True, slots=True)
class SetupLeft:
    """The open steps of the set-up, and how many of all are decided."""

    steps: tuple[tuple[Step, StepWords], ...]
    decided: int
    total: int


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """`setup` says what is left of the set-up, until it is finished."""

    template: ClassVar[str] = "overview.html"

    frame: Frame
    health: OverviewHealth
    services: list[ServiceCard]
    absent: tuple[Absent, ...]
    facts: OverviewFacts
    setup: SetupLeft | None


async def show_overview(request: web.Request) -> web.Response:
    """GET /admin/, and for htmx the services alone."""
    page = await _page(request)
    return request.app[keys.RENDERER].page(request, page, block="services")


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


async def _page(request: web.Request) -> OverviewPage:
    machine = request.app[keys.MACHINE]
    health, facts = await asyncio.gather(request.app[keys.HEALTH].current(), machine.facts())
    # Asked last, so that the services are as fresh as the answer.
    units = request.app[keys.UNITS].units()
    return OverviewPage(
        frame(request, "Overview", "overview"),
        overview_health(health),
        # A service that has done its work needs no attention.
        [service_card(unit, units) for unit in units if not unit.phase.is_finished],
        tuple(replace(absent, name=title_of(absent.name)) for absent in machine.absent),
        facts,
        await _setup_left(request),
    )


async def _setup_left(request: web.Request) -> SetupLeft | None:
    """Return what is left of the set-up; None when it is finished, or cannot be known now."""
    setup, ask = request.app[keys.SETUP], request.app[keys.BREAKER].ask
    progress = (await load_partial(lambda: ask(setup.progress))).value
    if progress is None or progress.is_finished:
        return None
    steps = tuple((step, words_of(step)) for step in progress.open_steps)
    return SetupLeft(steps, len(Step) - len(steps), len(Step))
