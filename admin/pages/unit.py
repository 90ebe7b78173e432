"""One service: its state, what it wrote, and what an operator can do to it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from urllib.parse import quote

from aiohttp import web

from admin import keys
from admin.errors import LocksOutError
from admin.frame import frame
from admin.login_redirect import START
from admin.overview_health import ServiceCard, service_card
from admin.units import Units
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.health.service_words import beginning, may_be_stopped_in_console, subject_of
from appliance.web import flash
from appliance.web.forms import read_form
from appliance.web.render import Frame

SHOWN_LINES = 200
KEPT_LINES = 1000
_LONGEST_FILTER = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogView:
    """What of a log is shown: `following` is off while the operator reads without new lines."""

    lines: tuple[str, ...]
    contains: str
    following: bool


@dataclass(frozen=True, slots=True)
class UnitPage:
    """A service with its log."""

    template: ClassVar[str] = "unit.html"

    frame: Frame
    service: ServiceCard
    log: LogView


class Verb(StrEnum):
    """What an operator can do to a service."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


async def show_unit(request: web.Request) -> web.Response:
    """GET /admin/units/{name}, and for htmx its state alone."""
    page = unit_page(request)
    return request.app[keys.RENDERER].page(request, page, block="state")


def unit_page(request: web.Request) -> UnitPage:
    """Return the page of the service that the path names. Raises UnitUnknownError."""
    units = request.app[keys.UNITS]
    service = service_card(units.view(request.match_info["name"]), units.units())
    following = request.query.get("follow") != "no"
    log = LogView(log_lines(request, SHOWN_LINES), wanted(request), following)
    return UnitPage(frame(request, service.title, "overview"), service, log)


def wanted(request: web.Request) -> str:
    """Return the text that shown lines must contain, or nothing."""
    return request.query.get("contains", "").strip()[:_LONGEST_FILTER]


def log_lines(request: web.Request, count: int) -> tuple[str, ...]:
    """Return the last lines that contain the wanted text. Raises UnitUnknownError."""
    lines = request.app[keys.UNITS].lines(request.match_info["name"], KEPT_LINES)
    return tuple(line for line in lines if matches(line, wanted(request)))[-count:]


def matches(line: str, contains: str) -> bool:
    """Say whether a line has a text in it; capitals do not matter."""
    return contains.casefold() in line.casefold()


async def change(request: web.Request) -> web.Response:
    """POST /admin/units/{name}/{verb}: takes the request; the supervisor carries it out.

    Raises LocksOutError for a stop that would take this console from its user.
    """
    units, actor = request.app[keys.UNITS], permitted(request, Permission.CONTROL_UNITS)
    form = await read_form(request)
    name, verb = units.view(request.match_info["name"]).name, Verb(request.match_info["verb"])
    if verb is Verb.STOP and not may_be_stopped_in_console(name):
        raise LocksOutError(service=beginning(subject_of(name)), name=name)
    # Before it is done: it may be the database that is to be stopped.
    event = AuditEvent(Action(f"unit.{verb}"), ObjectType.UNIT, name)
    await request.app[keys.AUDIT].note(actor, event)
    message = await _want(units, verb, name, actor.phrase)
    logger.info("%s: %s %s", actor.name, verb, name)
    back = START if form.value("from") == "overview" else f"/admin/units/{quote(name, safe='')}"
    return flash.redirect(back, message)


async def _want(units: Units, verb: Verb, name: str, by: str) -> str:
    """Ask the supervisor, and return what to tell the operator."""
    title = beginning(subject_of(name))
    match verb:
        case Verb.START:
            await units.start(name, by)
            return f"{title} is being started."
        case Verb.STOP:
            await units.stop(name, by)
            return f"{title} is being stopped. It stays down until an operator starts it."
        case Verb.RESTART:
            await units.restart(name, by)
            return f"{title} is being restarted."
