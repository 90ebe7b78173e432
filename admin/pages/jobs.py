"""Long work: which kinds there are, what runs, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from admin.page_stream import stream_page
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError
from appliance.jobs.kinds import KINDS, Kind, Process, Starter, available, title_of
from appliance.jobs.model import Job
from appliance.jobs.service import is_cancellable
from appliance.web import flash
from appliance.web.forms import read_form
from appliance.web.paths import identifier
from appliance.web.render import FlashKind, Frame

JOBS = "/admin/jobs"
MOST_SHOWN = 200
_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class KindRow:
    """A kind with its newest job; `can_start` says whether the page offers a button for it."""

    kind: Kind
    latest: Job | None
    can_start: bool


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the pages show it; `counts_bytes` says what its numbers are."""

    job: Job
    title: str
    can_cancel: bool
    counts_bytes: bool = False


@dataclass(frozen=True, slots=True)
class JobsPage:
    """All kinds, and their jobs with the newest first; `kind` is the one that is shown alone."""

    template: ClassVar[str] = "jobs.html"

    frame: Frame
    kinds: Partial[list[KindRow]]
    jobs: Partial[list[JobRow]]
    kind: Kind | None
    most_shown: int = MOST_SHOWN


@dataclass(frozen=True, slots=True)
class JobPage:
    """One job with its log; `waits_for` names units that must serve before it begins."""

    template: ClassVar[str] = "job.html"

    frame: Frame
    row: JobRow
    waits_for: tuple[str, ...]


async def show_jobs(request: web.Request) -> web.Response:
    """GET /admin/jobs, and for htmx the lists alone."""
    return request.app[keys.RENDERER].page(request, await _all(request), block="jobs")


async def follow_jobs(request: web.Request) -> web.StreamResponse:
    """GET /admin/jobs/events."""

    async def render() -> Mapping[str, str]:
        page = await _all(request)
        return {"jobs": request.app[keys.RENDERER].fragment(page.template, "jobs", page)}

    return await stream_page(request, render, every=_EVERY_SECONDS)


async def start_job(request: web.Request) -> web.Response:
    """POST /admin/jobs."""
    actor, form = permitted(request, Permission.MANAGE_JOBS), await read_form(request)
    try:
        job = await request.app[keys.JOBS].start(actor, form.text("kind"))
    except ApplianceError as error:
        return flash.redirect(JOBS, f"{error.message} {error.advice}", FlashKind.BAD)
    return flash.redirect(f"{JOBS}/{job.id}", f"“{title_of(job.kind)}” is queued.")


async def show_job(request: web.Request) -> web.Response:
    """GET /admin/jobs/{id}, and for htmx what changes of it."""
    return request.app[keys.RENDERER].page(request, await _one(request), block="job")


async def follow_job(request: web.Request) -> web.StreamResponse:
    """GET /admin/jobs/{id}/events."""
    await _one(request)

    async def render() -> Mapping[str, str]:
        # While the database is away the page stays as it was.
        found = await load_partial(lambda: _one(request))
        if (page := found.value) is None:
            return {}
        return {"job": request.app[keys.RENDERER].fragment(page.template, "job", page)}

    return await stream_page(request, render, every=_EVERY_SECONDS)


async def cancel_job(request: web.Request) -> web.Response:
    """POST /admin/jobs/{id}/cancel."""
    actor, job_id = permitted(request, Permission.MANAGE_JOBS), identifier(request)
    try:
        job = await request.app[keys.JOBS].cancel(actor, job_id)
    except ApplianceError as error:
        return flash.redirect(JOBS, f"{error.message} {error.advice}", FlashKind.BAD)
    said = "The job ends as soon as it can." if job.is_cancelling else "The job is cancelled."
    return flash.redirect(f"{JOBS}/{job.id}", said)


def row_of(job: Job) -> JobRow:
    """Return a job as pages show it."""
    counts_bytes = any(kind.counts_bytes for kind in KINDS if kind.name == job.kind)
    can_cancel = is_cancellable(job) and not job.is_cancelling
    return JobRow(job, title_of(job.kind), can_cancel, counts_bytes)


async def _all(request: web.Request) -> JobsPage:
    ask, jobs = request.app[keys.BREAKER].ask, request.app[keys.JOBS]
    known = available(https=request.app[keys.SETTINGS].https)
    kind = next((kind for kind in known if kind.name == request.query.get("kind")), None)

    async def kinds() -> list[KindRow]:
        latest = await ask(jobs.latest_of_kinds)
        return [_kind_row(kind, latest.get(kind.name)) for kind in known]

    async def rows() -> list[JobRow]:
        found = await ask(lambda: jobs.jobs(MOST_SHOWN, kind.name if kind else None))
        return [row_of(job) for job in found]

    return JobsPage(
        frame(request, "Jobs", "jobs"), await load_partial(kinds), await load_partial(rows), kind
    )


def _kind_row(kind: Kind, latest: Job | None) -> KindRow:
    is_idle = latest is None or not latest.state.is_active
    by_button = kind.starter is Starter.OPERATOR and not kind.lock_each
    return KindRow(kind, latest, by_button and is_idle)


async def _one(request: web.Request) -> JobPage:
    ask, jobs, job_id = request.app[keys.BREAKER].ask, request.app[keys.JOBS], identifier(request)
    row = row_of(await ask(lambda: jobs.job(job_id)))
    waits_for = next((_waits_for(kind) for kind in KINDS if kind.name == row.job.kind), ())
    return JobPage(frame(request, row.title, "jobs"), row, waits_for)


def _waits_for(kind: Kind) -> tuple[str, ...]:
    """Return the units that must serve before a job of a kind begins."""
    return (*kind.needs, "ingest") if kind.process is Process.INGEST else kind.needs
