"""The last step of the set-up: a question through the front door, with its cited answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from admin import keys
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import SETUP_CHECK
from appliance.jobs.model import Job, JobState
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class CheckStep:
    """The newest check, and what the newest one found that succeeded."""

    address: str
    job: Job | None
    found: Mapping[str, Any] | None

    @property
    def is_running(self) -> bool:
        """Whether a check waits or works."""
        return self.job is not None and self.job.state.is_active

    @property
    def problem(self) -> str:
        """Why the newest check did not succeed; nothing if it did, or still runs."""
        if self.job is None or self.is_running or self.job.state is JobState.DONE:
            return ""
        return self.job.result or "It came to no end."


async def load(request: web.Request) -> Loaded:
    """Show how far the check is."""
    ask, app = request.app[keys.BREAKER].ask, request.app
    jobs = await ask(lambda: app[keys.JOBS].jobs(limit=1, kind=SETUP_CHECK.name))
    found = await ask(app[keys.SETUP_CHECK].latest)
    address = app[keys.SETTINGS].address
    content = CheckStep(address, jobs[0] if jobs else None, found)
    return Loaded(Form(), content, is_moving=content.is_running)


async def save(request: web.Request, actor: Actor, _: Form) -> Saved:
    """Start the check, unless another operator has; it ends the step itself."""
    with contextlib.suppress(JobRunningError):
        await request.app[keys.JOBS].start(actor, SETUP_CHECK.name)
    return Saved(is_done=False)


VIEW = StepView(load, save)
