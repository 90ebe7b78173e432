"""Start, cancel and look at jobs: what the console, the command line and the schedule call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.errors import ForbiddenError, NotFoundError
from appliance.db.pool import Connection, Database
from appliance.jobs.errors import (
    JobFinishedError,
    JobForRootError,
    JobNotCancellableError,
    JobRunningError,
)
from appliance.jobs.kinds import KINDS, MODEL_FETCH, Kind, Starter, find_kind, title_of
from appliance.jobs.model import Job, JobState
from appliance.jobs.store import JobStore

# A job that is silent for longer than this has lost its process.
LONGEST_SILENCE = timedelta(seconds=60)
# What asks for jobs without a person.
SCHEDULE = "schedule"
ITSELF = "Cloister"
CANCELLED = "It was cancelled."
OVERDUE = "It ran past its deadline, so it was ended."
GONE = "Its process ended before the job did."


class Actor(Protocol):
    """Who starts or cancels a job: an account, as far as this feature needs to know it."""

    @property
    def name(self) -> str:
        """The sign-in name, for the audit."""
        ...

    @property
    def is_operator(self) -> bool:
        """Whether the person runs the machine."""
        ...


class JobService:
    """Asks for jobs; the engine of the process that a kind names does the work.

    Operators act here. An actor of None is the command line.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def start(self, actor: Actor | None, name: str) -> Job:
        """Queue a job for a person.

        Raises ForbiddenError, UnknownKindError, JobForRootError and JobRunningError.
        """
        _require_operator(actor)
        kind = find_kind(name)
        if kind.starter is Starter.ROOT:
            raise JobForRootError(title=kind.title, command="cloister model fetch NAME")
        async with self._database.transaction() as connection:
            job = await self._add(connection, kind, "", _name_of(actor))
            await _record(connection, actor, "job.start", kind.name)
        return job

    async def enqueue(self, name: str, *, subject: str = "", requested_by: str) -> Job:
        """Queue a job that no person asks for. Raises UnknownKindError and JobRunningError."""
        async with self._database.transaction() as connection:
            return await self._add(connection, find_kind(name), subject, requested_by)

    async def cancel(self, actor: Actor | None, job_id: UUID) -> Job:
        """End a queued job, or ask the process that runs it to end it.

        Raises ForbiddenError, NotFoundError, JobFinishedError and JobNotCancellableError.
        """
        _require_operator(actor)
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
            await _record(connection, actor, "job.cancel", str(job.id))
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

    async def job(self, job_id: UUID) -> Job:
        """Return one job with its log. Raises NotFoundError."""
        async with self._database.connection() as connection:
            found = await JobStore(connection).job(job_id)
        if found is None:
            raise NotFoundError(what="job")
        return found

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

    async def begin_fetch(self, actor: Actor | None, model: str) -> Job:
        """Record that root downloads a model; the command line reports on it.

        Raises JobRunningError when the model is being downloaded already.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            queued = await self._add(connection, MODEL_FETCH, model, _name_of(actor))
            await _record(connection, actor, "model.fetch", model)
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
            raise JobRunningError(title=kind.title)
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


def _require_operator(actor: Actor | None) -> None:
    if actor is not None and not actor.is_operator:
        raise ForbiddenError


def _name_of(actor: Actor | None) -> str:
    return "command line" if actor is None else actor.name


async def _record(connection: Connection, actor: Actor | None, action: str, what: str) -> None:
    """Write to the audit, in the transaction of the action."""
    await JobStore(connection).add_audit(_name_of(actor), action, what)
