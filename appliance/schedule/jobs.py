"""What runs at a time: one row a job."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from appliance.core.errors import ApplianceError
from appliance.jobs.service import JobService

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """`work` returns its result as a sentence; `cron` is in the machine's local time."""

    kind: str
    cron: str
    lifetime: timedelta
    work: Callable[[], Awaitable[str]]


class Schedule:
    """Runs jobs at their times, each with a record that the console shows."""

    def __init__(self, jobs: JobService, rows: tuple[ScheduledJob, ...]) -> None:
        self._jobs = jobs
        self._scheduler = AsyncIOScheduler()
        for row in rows:
            self._scheduler.add_job(
                self.run_now,
                CronTrigger.from_crontab(row.cron),
                args=(row,),
                id=row.kind,
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

    async def run_now(self, row: ScheduledJob) -> None:
        """Run a job and keep its record; a failure is recorded and ends nothing else."""
        try:
            job = await self._jobs.start(row.kind, row.lifetime)
        except ApplianceError as error:
            logger.warning("the job %s did not start: %s", row.kind, error)
            return
        try:
            result = await row.work()
        except Exception as error:
            logger.exception("the job %s failed", row.kind)
            await self._jobs.fail(job.id, str(error))
        else:
            await self._jobs.finish(job.id, result)
