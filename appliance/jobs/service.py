"""Start, cancel and look at jobs: what the console, the command line and the schedule call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock
from appliance.core.errors import NotFoundError
from appliance.db.pool import Connection, Database
from appliance.jobs.errors import (
    JobFinishedError,
    JobForRootError,
    JobNotCancellableError,
    JobRunningError,
    SubjectNeededError,
)
from appliance.jobs.kinds import KINDS, MODEL_FETCH, Kind, Starter, find_kind, title_of
from appliance.jobs.model import Job, JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.store import JobStore

# A job that is silent for longer than this has lost its process.
LONGEST_SILENCE = timedelta(seconds=60)
# What asks for jobs without a person.
SCHEDULE = "schedule"
ITSELF = "Cloister"
CANCELLED = "It was cancelled."
OVERDUE = "It ran past its deadline, so it was ended."
GONE = "Its process ended before the job did."


class JobService:
    """Asks for jobs; the engine of the process that a kind names does the work.

    Starting and cancelling require Permission.MANAGE_JOBS.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self, actor: Actor, name: str, subject: str = "") -> Job:
        """Queue a job for a person; `subject` is for kinds that work on one of several things.

        Raises ForbiddenError, UnknownKindError, JobForRootError, SubjectNeededError and
        JobRunningError.
        """
        actor.require(Permission.MANAGE_JOBS)
        kind = find_kind(name)
        if kind.starter is Starter.ROOT:
            raise JobForRootError(title=kind.title, command="cloister model fetch NAME")
        if kind.lock_each and not subject:
            raise SubjectNeededError(title=kind.title)
        async with self._database.transaction() as connection:
            job = await self._add(connection, kind, subject, actor.name)
            event = AuditEvent(Action.JOB_START, ObjectType.JOB, str(job.id), kind.name)
            await record(connection, actor, event)
        return job

    async def enqueue(self, name: str, *, subject: str = "", requested_by: str) -> Job:
        """Queue a job that no person asks for. Raises UnknownKindError and JobRunningError."""
        async with self._database.transaction() as connection:
            return await self._add(connection, find_kind(name), subject, requested_by)

    async def cancel(self, actor: Actor, job_id: UUID) -> Job:
        """End a queued job, or ask the process that runs it to end it.

        Raises ForbiddenError, NotFoundError, JobFinishedError and JobNotCancellableError.
        """
        actor.require(Permission.MANAGE_JOBS)
        async with self._database.transaction() as connection:
            store = JobStore(connection)
            found = await store.job(job_id)
            if found is None:
                raise NotFoundError(what="job")
            if found.state is JobState.RUNNING and not is_cancellable(found):
                raise JobNotCancellableError(title=title_of(found.kind))
            job = await store.cancel(job_id, now=self._clock.now(), reason=CANCELLED)
            if job is None:
                raise JobFinishedError(title=title_of(found.kind))
            await store.wake()
            event = AuditEvent(Action.JOB_CANCEL, ObjectType.JOB, str(job.id), job.kind)
            await record(connection, actor, event)
        return job

    async def jobs(self, limit: int = 100, kind: str | None = None) -> list[Job]:
        """Return jobs without their logs, the newest first."""
        async with self._database.connection() as connection:
            return await JobStore(connection).jobs(limit, kind)

    async def latest_of_kinds(self) -> dict[str, Job]:
        """Return the newest job of each kind that ever ran, by the name of the kind."""
        async with self._database.connection() as connection:
            return {job.kind: job for job in await JobStore(connection).latest_of_kinds()}

    async def latest_about(self, name: str, subject: str) -> Job | None:
        """Return the newest job of a kind about a subject."""
        async with self._database.connection() as connection:
            return await JobStore(connection).latest_about(name, subject)

    async def was_requested(
        self, name: str, *, since: datetime, until: datetime, subject: str | None = None
    ) -> bool:
        """Say whether a job of a kind was requested from `since` on, and before `until`."""
        async with self._database.connection() as connection:
            return await JobStore(connection).was_requested(
                name, since=since, until=until, subject=subject
            )

    async def job(self, job_id: UUID) -> Job:
        """Return one job with its log. Raises NotFoundError."""
        async with self._database.connection() as connection:
            found = await JobStore(connection).job(job_id)
        if found is None:
            raise NotFoundError(what="job")
        return found

    async def record(self, job_id: UUID) -> JobRecord:
        """Return what the work of a job writes to. Raises NotFoundError."""
        return JobRecord(await self.job(job_id), self._database, self._clock)

    async def forget(self, age: timedelta) -> int:
        """Remove the records of jobs that ended longer ago than `age`; return how many."""
        async with self._database.connection() as connection:
            return await JobStore(connection).forget(self._clock.now() - age)

    async def end_silent(self) -> int:
        """Close jobs whose process gave no sign of life, or that are overdue; return how many."""
        async with self._database.transaction() as connection:
            ended = await self._end_silent(connection)
            if ended:
                await JobStore(connection).wake()
        return ended

    async def begin_fetch(self, actor: Actor, model: str) -> Job:
        """Record that root downloads a model; the command line reports on it.

        Raises JobRunningError when the model is being downloaded already.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            queued = await self._add(connection, MODEL_FETCH, model, actor.name)
            event = AuditEvent(Action.MODEL_FETCH, ObjectType.MODEL, model)
            await record(connection, actor, event)
            job = await JobStore(connection).claim(
                MODEL_FETCH.name, now=now, deadline=now + MODEL_FETCH.deadline, job=queued.id
            )
        return job or queued

    async def _add(self, connection: Connection, kind: Kind, subject: str, by: str) -> Job:
        await self._end_silent(connection)
        store = JobStore(connection)
        job = await store.add(
            kind.name,
            lock=kind.lock_for(subject),
            subject=subject,
            requested_by=by,
            now=self._clock.now(),
        )
        if job is None:
            holder = await store.holder(kind.lock_for(subject))
            raise JobRunningError(title=title_of(holder or kind.name))
        await store.wake()
        return job

    async def _end_silent(self, connection: Connection) -> int:
        now, store = self._clock.now(), JobStore(connection)
        before = now - LONGEST_SILENCE
        overdue = await store.end_overdue(now=now, due_since=before, reason=OVERDUE)
        return overdue + await store.end_silent(
            now=now,
            silent_since=before,
            resuming=_resuming(KINDS),
            reason=GONE,
            line=f"{now:%Y-%m-%d %H:%M:%S} {GONE}\n",
        )


def is_cancellable(job: Job) -> bool:
    """Say whether a person may end a job at this moment."""
    kinds = {kind.name: kind for kind in KINDS}
    can_stop = job.kind not in kinds or kinds[job.kind].cancellable
    return job.state is JobState.QUEUED or (job.state is JobState.RUNNING and can_stop)


def _resuming(kinds: Sequence[Kind]) -> list[str]:
    return [kind.name for kind in kinds if kind.resumes]
