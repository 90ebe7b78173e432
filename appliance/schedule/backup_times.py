"""Queue the jobs of backups when they are due, whatever happens to the clock meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, tzinfo

from typing_extensions import override

from appliance.backup_plan.due import first_set_is_due, what_is_due
from appliance.backup_plan.facts import BackupFacts, read_facts
from appliance.backup_plan.records import read_plan, write_plan
from appliance.backup_plan.times import TOLERANCE, VERIFY_AFTER, latest_slot, time_of_day
from appliance.core.settings import Settings
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import BACKUP, DRILL, HOT_BACKUP, OFFSITE, VERIFY_BACKUPS, Kind
from appliance.jobs.service import ITSELF, SCHEDULE, JobService
from appliance.operations.catalog import RESTORE
from appliance.operations.runner import OperationRunner
from appliance.schedule.backup_works import WITH_INDEX
from appliance.schedule.looking import Looking
from appliance.settings.model import BACKUP_TIME, HOT_MINUTES
from appliance.settings.service import OperatorSettings

# Short, so that a machine that slept through the night does its work soon after it wakes.
EVERY_SECONDS = 30.0
# A copy whose process ended without a word is not begun again before that.
_COPY_PAUSE = 15 * 60.0


@dataclass(slots=True)
class BackupSchedule(Looking):
    """Looks twice a minute what is due. Use it as a context manager.

    Each look compares the clock with the records of jobs, and remembers no time to wait for: a
    clock that is set back or forward neither stops backups nor repeats them. `is_claimed` says
    whether the machine has an operator; before that nothing is backed up.
    """

    name = "schedule of backups"
    every_seconds = EVERY_SECONDS

    settings: Settings
    jobs: JobService
    chosen: OperatorSettings
    operations: OperationRunner
    is_claimed: Callable[[], Awaitable[bool]]
    zone: tzinfo | None = None
    _hot_at: float | None = None
    _copied_at: dict[str, tuple[float, datetime | None]] = field(default_factory=dict)

    @override
    async def look(self) -> None:
        """Queue what is due now. Raises DatabaseUnavailableError."""
        claimed = await self._claimed_at()
        if claimed is None or await self.operations.is_busy(RESTORE):
            return
        now, facts = self.clock.now(), await read_facts(self.settings)
        at = time_of_day(str((await self.chosen.get(BACKUP_TIME.name)).value))
        await self._nightly(BACKUP, at, claimed, now)
        if first_set_is_due(facts, now) and not await self._was_requested(BACKUP, claimed, now):
            await self._queue(BACKUP, requested_by=ITSELF)
        if facts.catalog is None:
            return
        await self._nightly(VERIFY_BACKUPS, _later(at, VERIFY_AFTER), claimed, now)
        await self._hot()
        await self._copies_and_drills(facts, now)

    async def _claimed_at(self) -> datetime | None:
        """Return since when the machine has an operator, as far as it was seen."""
        plan, now = await asyncio.to_thread(read_plan, self.settings.state), self.clock.now()
        if plan.claimed_at is not None and plan.claimed_at <= now:
            return plan.claimed_at
        if plan.claimed_at is None and not await self.is_claimed():
            return None
        # New, or of a clock that was ahead: nothing would be due before that time.
        await asyncio.to_thread(write_plan, self.settings.state, replace(plan, claimed_at=now))
        return now

    async def _nightly(self, kind: Kind, at: time, claimed: datetime, now: datetime) -> None:
        slot = latest_slot(now, at, self.zone)
        if slot >= claimed and not await self._was_requested(kind, slot, now):
            await self._queue(kind)

    async def _was_requested(self, kind: Kind, since: datetime, now: datetime) -> bool:
        return await self.jobs.was_requested(
            kind.name, since=since, until=now + TOLERANCE, subject=""
        )

    async def _hot(self) -> None:
        minutes = (await self.chosen.get(HOT_MINUTES.name)).number
        now = self.clock.monotonic()
        if self._hot_at is None or now - self._hot_at >= minutes * 60:
            self._hot_at = now
            await self._queue(HOT_BACKUP)

    async def _copies_and_drills(self, facts: BackupFacts, now: datetime) -> None:
        due = what_is_due(facts, now, WITH_INDEX, self.zone)
        newest = facts.newest_at
        for subject in due.copies:
            before = self._copied_at.get(subject)
            passed = self.clock.monotonic() - before[0] if before else _COPY_PAUSE
            if before is None or before[1] != newest or passed >= _COPY_PAUSE:
                self._copied_at[subject] = (self.clock.monotonic(), newest)
                await self._queue(OFFSITE, subject)
        for subject in due.drills:
            await self._queue(DRILL, subject)

    async def _queue(self, kind: Kind, subject: str = "", requested_by: str = SCHEDULE) -> None:
        """Queue a job; while another one holds its lock, the next look tries again."""
        with contextlib.suppress(JobRunningError):
            await self.jobs.enqueue(kind.name, subject=subject, requested_by=requested_by)


def _later(at: time, by: timedelta) -> time:
    minutes = at.hour * 60 + at.minute + round(by.total_seconds() / 60)
    return time(minutes // 60 % 24, minutes % 60)
