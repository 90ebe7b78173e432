"""Who did what, and when: filtered, page by page, and as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.audit.formats import ExportFormat, export_end, export_piece
from appliance.audit.model import Action, AuditEntry, AuditFilter
from appliance.audit.report import Report, read_report
from appliance.audit.service import PAGE_SIZE
from appliance.audit.words import advice_of, verdict_of
from appliance.core.errors import InvalidInputError
from appliance.core.text import storable
from appliance.web.paths import whole_number
from appliance.web.render import Frame, url, wants_fragment

AUDIT = "/admin/audit"
_LONGEST_FIELD = 100


def _kind(action: Action) -> str:
    return action.partition(".")[0]


_FIELDS = ("text", "actor", "action", "object_type", "object_id", "since", "until")
_KINDS = {kind: tuple(group) for kind, group in groupby(sorted(Action), _kind)}


@dataclass(frozen=True, slots=True)
class Entries:
    """One page of rows; `before` leads to the next older one, if there is one."""

    rows: list[AuditEntry]
    before: int | None


@dataclass(frozen=True, slots=True)
class ChainCard:
    """What the latest verification found; `advice` is empty where the audit is whole."""

    sentence: str
    advice: str = ""
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`query` holds the filters that are set; `is_newest`: no row is newer than these.

    `kinds` are the actions by their first part, which selects all of them.
    """

    template: ClassVar[str] = "audit.html"
    kinds: ClassVar[Mapping[str, Sequence[Action]]] = _KINDS

    frame: Frame
    query: dict[str, str]
    actors: list[str]
    entries: Partial[Entries]
    is_newest: bool
    chain: ChainCard

    @property
    def object_name(self) -> str:
        """The name of the object that alone is shown, or nothing."""
        rows = self.entries.value.rows if self.entries.value and "object_id" in self.query else []
        return rows[0].label if rows else ""


async def show_audit(request: web.Request) -> web.Response:
    """GET /admin/audit, and for htmx the rows alone."""
    actor = permitted(request, Permission.READ_AUDIT)
    ask, log = request.app[keys.BREAKER].ask, request.app[keys.AUDIT]
    query, before = _query(request), whole_number(request.query.get("before", ""))
    chosen = _filter(query)

    async def load() -> Entries:
        found = await log.entries(actor, chosen, before=before, limit=PAGE_SIZE + 1)
        rows = found[:PAGE_SIZE]
        return Entries(rows, rows[-1].id if len(found) > PAGE_SIZE else None)

    actors = await load_partial(lambda: ask(lambda: log.actors(actor)))
    page = AuditPage(
        frame(request, "Audit", "audit"),
        query,
        actors.value or [],
        await load_partial(lambda: ask(load)),
        is_newest=before is None,
        chain=_chain(await asyncio.to_thread(read_report, request.app[keys.SETTINGS].state)),
    )
    response = request.app[keys.RENDERER].page(request, page, block="entries")
    if wants_fragment(request):
        # Without the fields that are empty.
        response.headers["HX-Push-Url"] = url(AUDIT, **query)
    return response


async def export_audit(request: web.Request) -> web.StreamResponse:
    """GET /admin/audit/export.{format}: all rows that the filters leave, newest first."""
    actor = permitted(request, Permission.READ_AUDIT)
    form = ExportFormat(request.match_info["format"])
    ask, log = request.app[keys.BREAKER].ask, request.app[keys.AUDIT]
    name = f"cloister-audit-{request.app[keys.CLOCK].now():%Y-%m-%d}.{form}"
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{name}"'})
    response.content_type, response.charset = form.content_type, "utf-8"
    async with aclosing(log.export(actor, _filter(_query(request)))) as pieces:
        # Before the answer begins, so that an error can still be a page.
        first = piece = await ask(lambda: anext(pieces, None))
        await response.prepare(request)
        while piece is not None:
            await response.write(export_piece(form, piece, is_first=piece is first).encode())
            piece = await ask(lambda: anext(pieces, None))
    await response.write_eof(export_end(form, is_empty=first is None).encode())
    return response


def _chain(report: Report | None) -> ChainCard:
    if report is None:
        return ChainCard("The entries have not been verified yet; that is done every night.")
    advice = advice_of(report.finding) if report.finding else ""
    return ChainCard(verdict_of(report), advice, report.at)


def _query(request: web.Request) -> dict[str, str]:
    """Return the filters that are set, without what PostgreSQL cannot compare."""
    found = {
        name: storable(request.query.get(name, "")).strip()[:_LONGEST_FIELD] for name in _FIELDS
    }
    return {name: value for name, value in found.items() if value}


def _filter(query: dict[str, str]) -> AuditFilter:
    """Return what to read. Both days are included. Raises InvalidInputError."""
    chosen = AuditFilter(
        actor=query.get("actor"),
        action=query.get("action"),
        object_type=query.get("object_type"),
        object_id=query.get("object_id"),
        text=query.get("text", ""),
    )
    if since := query.get("since"):
        chosen = replace(chosen, since=_start_of(since))
    if until := query.get("until"):
        chosen = replace(chosen, until=_start_of(until, after=timedelta(days=1)))
    return chosen


def _start_of(day: str, *, after: timedelta = timedelta()) -> datetime:
    """Return when a day begins in the time zone of the machine. Raises InvalidInputError."""
    try:
        return datetime.combine(date.fromisoformat(day) + after, time.min).astimezone()
    except (ValueError, OverflowError):
        raise InvalidInputError(
            problem=f"“{day}” is not a day.", remedy="Write it as 2026-03-31."
        ) from None
