"""The record of long work: at most one of a kind, with signs of life, a deadline and a log."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.jobs.errors import JobEndedError, JobRunningError
from appliance.jobs.model import Job, JobState
from appliance.jobs.store import JobStore

# A job that is silent for longer than this is taken for dead when another one wants to start.
LONGEST_SILENCE = timedelta(seconds=60)
_GONE = "It gave no sign of life any more: its process ended or was stuck."


class JobService:
    """Opens, feeds and closes the records of jobs, and lists them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self, kind: str, lifetime: timedelta) -> Job:
        """Open a job. Raises JobRunningError while another one of the kind is alive."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            store = JobStore(connection)
            await store.end_stale(kind, now=now, silent_since=now - LONGEST_SILENCE, reason=_GONE)
            job = await store.start(kind, now=now, deadline=now + lifetime)
        if job is None:
            raise JobRunningError(kind=kind)
        return job

    async def beat(self, job: UUID, line: str | None = None) -> None:
        """Give a sign of life, and add a line to the log.

        Raises JobEndedError when the record was closed or the deadline has passed: stop working.
        """
        now = self._clock.now()
        entry = f"{now:%Y-%m-%d %H:%M:%S} {line}\n" if line else ""
        async with self._database.connection() as connection:
            if not await JobStore(connection).beat(job, now=now, line=entry):
                raise JobEndedError

    async def finish(self, job: UUID, result: str) -> None:
        """Close a job that did its work; a closed one stays as it is."""
        await self._end(job, JobState.DONE, result)

    async def fail(self, job: UUID, reason: str) -> None:
        """Close a job that could not do its work; a closed one stays as it is."""
        await self._end(job, JobState.FAILED, reason)

    async def jobs(self, limit: int = 100) -> list[Job]:
        """Return jobs, the last started first."""
        async with self._database.connection() as connection:
            return await JobStore(connection).jobs(limit)

    async def job(self, job: UUID) -> Job:
        """Return one job. Raises NotFoundError."""
        async with self._database.connection() as connection:
            found = await JobStore(connection).job(job)
        if found is None:
            raise NotFoundError(what="job")
        return found

    async def _end(self, job: UUID, state: JobState, result: str) -> None:
        async with self._database.connection() as connection:
            await JobStore(connection).end(job, now=self._clock.now(), state=state, result=result)
