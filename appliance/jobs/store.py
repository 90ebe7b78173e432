"""Rows of jobs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from psycopg.rows import kwargs_row

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.jobs.model import Job, JobState

_QUERIES = Queries("appliance.jobs")


class JobStore:
    """Reads and writes `core.job`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _changed(self, name: str, /, **values: object) -> int:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return cursor.rowcount

    async def _jobs(self, name: str, /, **values: object) -> list[Job]:
        async with self._connection.cursor(row_factory=kwargs_row(_job)) as cursor:
            await cursor.execute(_QUERIES[name], values)
            return await cursor.fetchall()

    async def end_stale(
        self, kind: str, *, now: datetime, silent_since: datetime, reason: str
    ) -> None:
        """Close the job of a kind that gave no sign of life."""
        await self._changed(
            "end_stale", kind=kind, now=now, silent_since=silent_since, reason=reason
        )

    async def start(self, kind: str, *, now: datetime, deadline: datetime) -> Job | None:
        """Open a job; None if one of the kind runs."""
        jobs = await self._jobs("start", kind=kind, now=now, deadline=deadline)
        return jobs[0] if jobs else None

    async def beat(self, job: UUID, *, now: datetime, line: str) -> bool:
        """Note a sign of life; False if the job is no longer running."""
        return await self._changed("beat", id=job, now=now, line=line) > 0

    async def end(self, job: UUID, *, now: datetime, state: JobState, result: str) -> None:
        """Close a job that runs."""
        await self._changed("end", id=job, now=now, state=str(state), result=result)

    async def jobs(self, limit: int) -> list[Job]:
        """Return jobs, the last started first."""
        return await self._jobs("jobs", limit=limit)

    async def job(self, job: UUID) -> Job | None:
        """Return one job."""
        jobs = await self._jobs("job", id=job)
        return jobs[0] if jobs else None


def _job(  # noqa: PLR0913 - the columns of the row
    *,
    id: UUID,  # noqa: A002
    kind: str,
    state: str,
    started_at: datetime,
    heartbeat_at: datetime,
    deadline_at: datetime,
    finished_at: datetime | None,
    log: str,
    result: str | None,
) -> Job:
    return Job(
        id=id,
        kind=kind,
        state=JobState(state),
        started_at=started_at,
        heartbeat_at=heartbeat_at,
        deadline_at=deadline_at,
        finished_at=finished_at,
        log=log,
        result=result,
    )
