"""Long work: what runs, how far it came, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from admin.page_stream import stream_page
from appliance.jobs.model import Job
from appliance.web.paths import identifier
from appliance.web.render import Frame

_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class JobsPage:
    """All jobs, the last started first."""

    template: ClassVar[str] = "jobs.html"

    frame: Frame
    jobs: Partial[list[Job]]


@dataclass(frozen=True, slots=True)
class JobPage:
    """One job with its log."""

    template: ClassVar[str] = "job.html"

    frame: Frame
    job: Job


async def show_jobs(request: web.Request) -> web.Response:
    """GET /admin/jobs, and for htmx the list alone."""
    page = await _all(request)
    return request.app[keys.RENDERER].page(request, page, block="jobs")


async def follow_jobs(request: web.Request) -> web.StreamResponse:
    """GET /admin/jobs/events."""

    async def render() -> Mapping[str, str]:
        page = await _all(request)
        return {"jobs": request.app[keys.RENDERER].fragment(page.template, "jobs", page)}

    return await stream_page(request, render, every=_EVERY_SECONDS)


async def show_job(request: web.Request) -> web.Response:
    """GET /admin/jobs/{id}, and for htmx what changes of it."""
    page = await _one(request)
    return request.app[keys.RENDERER].page(request, page, block="job")


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


async def _all(request: web.Request) -> JobsPage:
    ask, jobs = request.app[keys.BREAKER].ask, request.app[keys.JOBS]
    return JobsPage(
        frame(request, "Jobs", "jobs"),
        await load_partial(lambda: ask(jobs.jobs)),
    )


async def _one(request: web.Request) -> JobPage:
    ask, jobs, job_id = request.app[keys.BREAKER].ask, request.app[keys.JOBS], identifier(request)
    job = await ask(lambda: jobs.job(job_id))
    return JobPage(frame(request, f"Job {job.kind.replace('_', ' ')}", "jobs"), job)
