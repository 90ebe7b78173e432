"""The page of backups: what could be restored, when, where copies are, and how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.backups_plot import Plot, plots_of
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from admin.page_stream import stream_page
from admin.pages.jobs import JobRow, row_of
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.backup_plan.facts import BackupFacts, CopiedTo, read_facts
from appliance.backup_plan.times import next_slot, time_of_day
from appliance.backup_plan.wording import Headline, Standing, headline, lacks, models_sentence
from appliance.core.errors import ApplianceError
from appliance.core.settings import MOST_TARGETS
from appliance.jobs.kinds import BACKUP, BACKUP_KINDS, DRILL
from appliance.offsite.model import Protection
from appliance.repository.key_files import KeyFile
from appliance.repository.model import Drilled, Kind, Snapshot, Verdict
from appliance.settings.model import BACKUP_TIME, HOT_MINUTES, Setting
from appliance.web import flash
from appliance.web.render import FlashKind, Frame

BACKUPS = "/admin/backups"
SETUP_STEP = "/admin/setup/backups"
FROM_SETUP = "setup"
_JOBS_OF_A_KIND, _MOST_JOBS = 12, 20
_EVERY_SECONDS = 3.0
# Sets that are seen at once; earlier ones are behind a click.
_NEWEST = 10
# The parts of the page that follow what happens.
_PARTS = ("now", "places", "saved", "history")
_TONES = {
    Standing.VERIFIED: "good",
    Standing.WRITTEN: "busy",
    Standing.MISSING: "warn",
    Standing.STALE: "warn",
    Standing.DAMAGED: "bad",
    Standing.NOT_INSTALLED: "bad",
}


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set or a hot snapshot; `state` is the word for what its drills found."""

    snapshot: Snapshot
    state: str
    drilled: Drilled | None
    copies: tuple[Drilled, ...]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target with how its copies went."""

    copy: CopiedTo
    is_protected: bool
    tone: str


@dataclass(frozen=True, slots=True)
class Times:
    """When backups run."""

    nightly: str
    next_at: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class BackupsPage:
    """Everything about backups; only times and history need the database."""

    template: ClassVar[str] = "backups.html"

    frame: Frame
    headline: Headline
    tone: str
    facts: BackupFacts
    sets: tuple[SetRow, ...]
    hot: tuple[SetRow, ...]
    targets: tuple[TargetRow, ...]
    sources: tuple[CopiedTo, ...]
    lacks: tuple[str, ...]
    models: str
    plots: tuple[Plot, ...]
    key: KeyFile | None
    times: Partial[Times]
    jobs: Partial[list[JobRow]]
    running: tuple[JobRow, ...]
    newest: int = _NEWEST
    most_targets: int = MOST_TARGETS


async def show_backups(request: web.Request) -> web.Response:
    """GET /admin/backups."""
    return request.app[keys.RENDERER].page(request, await _page(request))


async def follow_backups(request: web.Request) -> web.StreamResponse:
    """GET /admin/backups/events."""

    async def render() -> Mapping[str, str]:
        page, renderer = await _page(request), request.app[keys.RENDERER]
        return {name: renderer.fragment(page.template, name, page) for name in _PARTS}

    return await stream_page(request, render, every=_EVERY_SECONDS)


async def back_up(request: web.Request) -> web.Response:
    """POST /admin/backups/now."""
    return await start(request, BACKUP.name)


async def drill(request: web.Request) -> web.Response:
    """POST /admin/backups/drill."""
    return await start(request, DRILL.name)


async def start(request: web.Request, kind: str, subject: str = "") -> web.Response:
    """Queue a job for the person who asks, and go to its page."""
    actor = permitted(request, Permission.MANAGE_BACKUPS)
    try:
        job = await request.app[keys.JOBS].start(actor, kind, subject)
    except ApplianceError as error:
        return refusal(error)
    return flash.redirect(f"/admin/jobs/{job.id}")


def way_back(asked_from: str) -> str:
    """Return where a page about backups leads back to: the set-up, if it was opened there."""
    return SETUP_STEP if asked_from == FROM_SETUP else BACKUPS


def refusal(error: ApplianceError, location: str = BACKUPS) -> web.Response:
    """Go back to the page, which says what is wrong."""
    return flash.redirect(location, f"{error.message} {error.advice}", FlashKind.BAD)


async def _page(request: web.Request) -> BackupsPage:
    now, facts = request.app[keys.CLOCK].now(), await read_facts(request.app[keys.SETTINGS])
    said = headline(facts, now)
    snapshots = facts.catalog.snapshots if facts.catalog else ()
    rows = [_row(found) for found in snapshots]
    sets = tuple(row for row in rows if row.snapshot.kind is Kind.SET)
    jobs = await load_partial(lambda: _jobs(request))
    return BackupsPage(
        frame=frame(request, "Backups", "backups"),
        headline=said,
        tone=_TONES[said.standing],
        facts=facts,
        sets=sets,
        hot=tuple(row for row in rows if row.snapshot.kind is Kind.HOT),
        targets=tuple(map(_target, facts.copies)),
        sources=facts.sources,
        lacks=lacks(facts),
        models=models_sentence(facts, now),
        plots=plots_of([row.snapshot for row in sets]),
        key=facts.catalog.recovery_key if facts.catalog else None,
        times=await load_partial(lambda: _times(request, now)),
        jobs=jobs,
        running=tuple(row for row in jobs.value or [] if row.job.state.is_active),
    )


async def _jobs(request: web.Request) -> list[JobRow]:
    ask, jobs = request.app[keys.BREAKER].ask, request.app[keys.JOBS]

    async def of_all_kinds() -> list[JobRow]:
        found = [
            job for kind in BACKUP_KINDS for job in await jobs.jobs(_JOBS_OF_A_KIND, kind.name)
        ]
        found.sort(key=lambda job: job.created_at, reverse=True)
        return [row_of(job) for job in found[:_MOST_JOBS]]

    return await ask(of_all_kinds)


async def _times(request: web.Request, now: datetime) -> Times:
    chosen = await request.app[keys.BREAKER].ask(request.app[keys.OPERATOR_SETTINGS].all)
    values: dict[str, Setting] = {each.entry.name: each for each in chosen}
    nightly = values[BACKUP_TIME.name].text
    minutes = values[HOT_MINUTES.name].number
    return Times(nightly, next_slot(now, time_of_day(nightly)), minutes)


def _row(snapshot: Snapshot) -> SetRow:
    drilled = snapshot.drilled
    state = "written"
    if drilled is not None:
        state = "verified" if drilled.verdict is Verdict.VERIFIED else "failed"
    elif snapshot.kind is Kind.HOT:
        state = "saved"
    copies = {drill.source: drill for drill in reversed(snapshot.drills) if drill is not drilled}
    copies.pop("local", None)
    return SetRow(snapshot, state, drilled, tuple(copies.values()))


def _target(copy: CopiedTo) -> TargetRow:
    protection = copy.state.protection
    is_protected = protection in {Protection.APPEND_ONLY, Protection.OBJECT_LOCK}
    tone = "bad" if copy.state.error else "good" if copy.state.complete_at else "calm"
    return TargetRow(copy, is_protected, tone)
