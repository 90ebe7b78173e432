"""Queue the jobs that have their times."""

from __future__ import annotations

import logging
import zoneinfo
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from appliance.core.errors import ApplianceError
from appliance.jobs.kinds import Kind
from appliance.jobs.service import SCHEDULE, JobService

logger = logging.getLogger(__name__)

# As it is before an operator's time zone is in use in this process.
_ZONE_OF_THE_MACHINE = AsyncIOScheduler().timezone


class Schedule:
    """Queues each kind that has a `cron` at its times. Use it as a context manager.

    The engine of the process that the kind names does the work.
    """

    def __init__(self, jobs: JobService, kinds: Sequence[Kind]) -> None:
        self._jobs = jobs
        self._crons = {kind.name: kind.cron for kind in kinds if kind.cron is not None}
        self._zone = ""
        self._scheduler = AsyncIOScheduler(timezone=_ZONE_OF_THE_MACHINE)
        for kind in kinds:
            if kind.cron is not None:
                self._scheduler.add_job(
                    self.queue,
                    CronTrigger.from_crontab(kind.cron, timezone=_ZONE_OF_THE_MACHINE),
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

    def use_zone(self, name: str) -> None:
        """Count times in this time zone; without a name, in the machine's own."""
        if name == self._zone:
            return
        self._zone = name
        zone = zoneinfo.ZoneInfo(name) if name else _ZONE_OF_THE_MACHINE
        for kind, cron in self._crons.items():
            trigger = CronTrigger.from_crontab(cron, timezone=zone)
            self._scheduler.reschedule_job(kind, trigger=trigger)

    def next_times(self) -> dict[str, datetime]:
        """Return when each kind is queued next."""
        return {job.id: job.next_run_time for job in self._scheduler.get_jobs()}

    async def queue(self, kind: Kind) -> None:
        """Queue a job; one that is queued already is enough."""
        try:
            await self._jobs.enqueue(kind.name, requested_by=SCHEDULE)
        except ApplianceError as error:
            logger.warning("the job %s is not queued: %s", kind.name, error)
