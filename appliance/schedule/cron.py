"""Queue the jobs that have their times."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from appliance.core.errors import ApplianceError
from appliance.jobs.kinds import Kind
from appliance.jobs.service import SCHEDULE, JobService

logger = logging.getLogger(__name__)


class Schedule:
    """Queues each kind that has a `cron` at its times. Use it as a context manager.

    The engine of the process that the kind names does the work.
    """

    def __init__(self, jobs: JobService, kinds: Sequence[Kind]) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler()
        for kind in kinds:
            if kind.cron is not None:
                self._scheduler.add_job(
                    self.queue,
                    CronTrigger.from_crontab(kind.cron),
                    args=(kind,),
                    id=kind.name,
                    coalesce=True,
                    # A machine that slept through the time does the work when it wakes.
                    misfire_grace_time=None,
                )

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scheduler.shutdown(wait=False)

    async def queue(self, kind: Kind) -> None:
        """Queue a job; one that is queued already is enough."""
        try:
            await self._jobs.enqueue(kind.name, requested_by=SCHEDULE)
        except ApplianceError as error:
            logger.warning("the job %s is not queued: %s", kind.name, error)
