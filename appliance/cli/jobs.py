"""Verbs for jobs: which run, how far they are, starting and cancelling them."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any
from uuid import UUID

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.jobs.kinds import available
from appliance.jobs.model import JobState

_WHICH = "its id, as the list shows it"
_POLL_SECONDS = 0.5

# A job as the control socket sends it.
Job = dict[str, Any]


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add job kinds, list, show, start and cancel."""
    group = add_group(verbs, "job", "work that runs at a time, or long")
    add_verb(group, shared, "kinds", list_kinds, "show the kinds of jobs")
    listing = add_verb(group, shared, "list", list_jobs, "show jobs, the newest first")
    listing.add_argument("--kind", help="only those of one kind")
    listing.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    show = add_verb(group, shared, "show", show_job, "show one job with its log")
    show.add_argument("id", type=UUID, help=_WHICH)
    start = add_verb(group, shared, "start", start_job, "start a job")
    start.add_argument("kind", help="a name that `cloister job kinds` shows")
    start.add_argument("--wait", action="store_true", help="wait until it has ended")
    cancel = add_verb(group, shared, "cancel", cancel_job, "cancel a job")
    cancel.add_argument("id", type=UUID, help=_WHICH)


async def list_kinds(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show every kind, when it runs and who may start it."""
    rows: list[dict[str, object]] = [
        {
            "kind": kind.name,
            "title": kind.title,
            "runs": kind.rhythm or "when it is needed",
            "process": kind.process,
            "started_by": kind.starter,
        }
        for kind in available(https=context.settings.https)
    ]
    context.output.table(rows, "There are no kinds of jobs.")
    return ExitCode.DONE


async def list_jobs(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show jobs without their logs."""
    wanted = {"limit": str(options.limit)} | ({"kind": options.kind} if options.kind else {})
    jobs = await context.control.ask("GET", "/jobs", params=wanted)
    rows = jobs if context.output.as_json else [_row(job) for job in jobs]
    context.output.table(rows, "No job has run yet.")
    return ExitCode.DONE


async def show_job(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show one job."""
    job = await context.control.ask("GET", f"/jobs/{options.id}")
    context.output.value(job, "\n".join(_lines(job)))
    return ExitCode.DONE


async def start_job(context: Context, options: argparse.Namespace) -> ExitCode:
    """Queue a job; the process that its kind names runs it."""
    job = await context.control.ask("POST", "/jobs", body={"kind": options.kind})
    while options.wait and JobState(job["state"]).is_active:
        await context.clock.sleep(_POLL_SECONDS)
        job = await context.control.ask("GET", f"/jobs/{job['id']}")
    text = f"{job['id']} is {job['state']}." + (f" {job['result']}" if job["result"] else "")
    context.output.value(job, text)
    state = JobState(job["state"])
    return ExitCode.DONE if state.is_active or state is JobState.DONE else ExitCode.FAILED


async def cancel_job(context: Context, options: argparse.Namespace) -> ExitCode:
    """End a queued job, or ask a running one to end."""
    job = await context.control.ask("POST", f"/jobs/{options.id}/cancel")
    text = "The job ends as soon as it can." if job["cancelling"] else "The job is cancelled."
    context.output.value(job, text)
    return ExitCode.DONE


def _row(job: Job) -> dict[str, object]:
    return {
        "id": job["id"],
        "kind": job["kind"],
        "about": job["subject"] or None,
        "state": job["state"],
        "requested": datetime.fromisoformat(job["created_at"]),
        "by": job["requested_by"] or None,
        "how": job["result"] or job["progress"]["sentence"] or None,
    }


def _lines(job: Job) -> list[str]:
    """Return a job as people read it."""
    progress, by = job["progress"], job["requested_by"]
    counted = f" ({progress['done'] or 0} of {progress['total']})" if progress["total"] else ""
    requested = datetime.fromisoformat(job["created_at"])
    facts = {
        "kind": f"{job['kind']} {job['subject']}".rstrip(),
        "state": f"{job['state']}, being cancelled" if job["cancelling"] else job["state"],
        "requested": f"{requested:%Y-%m-%d %H:%M:%S %Z}" + (f" by {by}" if by else ""),
        "progress": f"{progress['sentence']}{counted}",
        "result": job["result"] or "",
    }
    lines = [f"{name:10} {fact}" for name, fact in facts.items() if fact]
    return [*lines, "", *job["log"]] if job["log"] else lines
