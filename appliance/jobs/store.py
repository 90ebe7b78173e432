"""Rows of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
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

    async def _one(self, name: str, /, **values: object) -> Job | None:
        return next(iter(await self._jobs(name, **values)), None)

    async def end_silent(
        self,
        *,
        now: datetime,
        silent_since: datetime,
        resuming: Sequence[str],
        reason: str,
        line: str,
    ) -> int:
        """Close jobs that gave no sign of life, or queue them again; return how many."""
        silence: dict[str, object] = {"now": now, "silent_since": silent_since, "reason": reason}
        cancelled = await self._changed("end_cancelled", **silence)
        return cancelled + await self._changed(
            "end_silent", **silence, resuming=list(resuming), line=line
        )

    async def end_overdue(self, *, now: datetime, due_since: datetime, reason: str) -> int:
        """Close jobs whose deadline passed before a moment; return how many."""
        return await self._changed("end_overdue", now=now, due_since=due_since, reason=reason)

    async def add(
        self, kind: str, *, lock: str, subject: str, requested_by: str, now: datetime
    ) -> Job | None:
        """Queue a job; None if another one holds the lock."""
        return await self._one(
            "add", kind=kind, lock=lock, subject=subject, requested_by=requested_by, now=now
        )

    async def claim(
        self, kind: str, *, now: datetime, deadline: datetime, job: UUID | None = None
    ) -> Job | None:
        """Begin the oldest queued job of a kind, or a certain one; None if there is none."""
        return await self._one("claim", kind=kind, now=now, deadline=deadline, id=job)

    async def beat(self, jobs: Sequence[UUID], *, now: datetime) -> dict[UUID, bool]:
        """Give signs of life; return the jobs that still run, and whether each should end."""
        cursor = await self._connection.execute(_QUERIES["beat"], {"ids": list(jobs), "now": now})
        return {UUID(str(job)): bool(asked) for job, asked in await cursor.fetchall()}

    async def report(
        self, job: UUID, *, now: datetime, progress: str, done: int | None, total: int | None,
        line: str,
    ) -> bool | None:  # fmt: skip
        """Keep progress and a line; return whether the job should end, None if it was closed."""
        return await self._asked_to_end(
            "report", id=job, now=now, progress=progress, done=done, total=total, line=line
        )

    async def add_line(self, job: UUID, *, now: datetime, line: str) -> bool | None:
        """Keep a line; return whether the job should end, None if it was closed."""
        return await self._asked_to_end("add_line", id=job, now=now, line=line)

    async def _asked_to_end(self, name: str, /, **values: object) -> bool | None:
        cursor = await self._connection.execute(_QUERIES[name], values)
        row = await cursor.fetchone()
        return bool(row[0]) if row else None

    async def end(self, job: UUID, *, now: datetime, state: JobState, result: str) -> None:
        """Close a job that runs; a closed one stays as it is."""
        await self._changed("end", id=job, now=now, state=str(state), result=result)

    async def queue_again(self, job: UUID, *, line: str) -> None:
        """Let the next process go on with a job that runs."""
        await self._changed("queue_again", id=job, line=line)

    async def cancel(self, job: UUID, *, now: datetime, reason: str) -> Job | None:
        """End a queued job, or ask a running one to end; None if it has ended."""
        return await self._one("cancel", id=job, now=now, reason=reason)

    async def wake(self) -> None:
        """Notify the engines at the commit."""
        await self._connection.execute(_QUERIES["wake"])

    async def jobs(self, limit: int, kind: str | None = None) -> list[Job]:
        """Return jobs without their logs, the newest first."""
        return await self._jobs("jobs", limit=limit, kind=kind)

    async def latest_of_kinds(self) -> list[Job]:
        """Return the newest job of each kind."""
        return await self._jobs("latest_of_kinds")

    async def latest_about(self, kind: str, subject: str) -> Job | None:
        """Return the newest job of a kind about a subject."""
        return await self._one("latest_about", kind=kind, subject=subject)

    async def job(self, job: UUID) -> Job | None:
        """Return one job with its log."""
        return await self._one("job", id=job)

    async def holder(self, lock: str) -> str | None:
        """Return the kind of the job that holds a lock."""
        cursor = await self._connection.execute(_QUERIES["holder"], {"lock": lock})
        row = await cursor.fetchone()
        return str(row[0]) if row else None

    async def was_requested(
        self, kind: str, *, since: datetime, until: datetime, subject: str | None = None
    ) -> bool:
        """Say whether a job of a kind was requested within a time."""
        values = {"kind": kind, "subject": subject, "since": since, "until": until}
        cursor = await self._connection.execute(_QUERIES["was_requested"], values)
        row = await cursor.fetchone()
        return row is not None and bool(row[0])

    async def discard(self, job: UUID) -> None:
        """Remove the record of a job that runs."""
        await self._changed("discard", id=job)

    async def forget(self, before: datetime) -> int:
        """Remove the records of jobs that ended before a moment; return how many."""
        return await self._changed("forget", before=before)


def _job(**columns: Any) -> Job:  # noqa: ANN401 - the columns of the row
    return Job(**columns | {"state": JobState(columns["state"])})
