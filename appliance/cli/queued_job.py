"""Print a job that a verb has queued, at its end if that is asked for."""

from __future__ import annotations

import argparse
from typing import Any

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.jobs.model import JobState

_POLL_SECONDS = 0.5

# A job as the control socket sends it.
Job = dict[str, Any]


async def print_job(context: Context, job: Job, options: argparse.Namespace) -> ExitCode:
    """Print a job, at its end if that is asked for."""
    said = ""
    while options.wait and JobState(job["state"]).is_active:
        await context.clock.sleep(_POLL_SECONDS)
        job = await context.control.ask("GET", f"/jobs/{job['id']}")
        sentence = job["progress"]["sentence"]
        if sentence and sentence != said:
            said = sentence
            context.output.progress(said)
    text = f"{job['id']} is {job['state']}." + (f" {job['result']}" if job["result"] else "")
    context.output.value(job, text)
    state = JobState(job["state"])
    return ExitCode.DONE if state.is_active or state is JobState.DONE else ExitCode.FAILED
