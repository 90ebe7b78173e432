"""Run queued jobs of the kinds that belong to this process, each in a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self
from uuid import UUID

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.db.listen import Listener
from appliance.db.pool import Database
from appliance.jobs.errors import JobEndedError
from appliance.jobs.kinds import Kind, Process
from appliance.jobs.model import Job, JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.service import CANCELLED, GONE, OVERDUE, JobService
from appliance.jobs.store import JobStore

logger = logging.getLogger(__name__)

Work = Callable[[JobRecord], Awaitable[str]]
"""Does the work of a kind and returns its result as a sentence."""

CHANNEL = "core_job"
POLL_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_GRACE_SECONDS = 3.0
# No job can be recorded before the schema exists.
_ALWAYS_NEEDED = ("migrate",)


class _Stop(Enum):
    """Why the engine ends a job that still works."""

    CANCELLED = auto()
    PROCESS_ENDS = auto()
    RECORD_CLOSED = auto()


@dataclass(slots=True)
class _Running:
    kind: Kind
    record: JobRecord
    task: asyncio.Task[None] | None = None
    stop: _Stop | None = None

    def end(self, why: _Stop) -> None:
        """Cancel the work; the first reason counts."""
        if self.stop is None and self.task is not None:
            self.stop = why
            self.task.cancel()


@dataclass(frozen=True, slots=True)
class _End:
    state: JobState
    result: str


@dataclass(slots=True)
class JobEngine:
    """Runs jobs while the block lasts: `async with JobEngine(...)`.

    `works` has one function for each of the kinds whose `process` is this one. `serves` says
    whether a unit serves. What a former process of the same kind left running is resumed or
    interrupted first. On leaving, running jobs are ended; those that can resume are queued again.
    """

    database: Database
    clock: Clock
    process: Process
    kinds: Sequence[Kind]
    works: Mapping[str, Work]
    serves: Callable[[str], bool] = lambda _: True
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _own: list[asyncio.Task[None]] = field(default_factory=list)
    _running: dict[UUID, _Running] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _recovered: bool = False
    _stopping: bool = False
    _fault: str = ""

    def __post_init__(self) -> None:
        self.kinds = [kind for kind in self.kinds if kind.process is self.process]
        missing = {kind.name for kind in self.kinds} ^ self.works.keys()
        if missing:
            message = f"kinds of the process {self.process} without work, or the reverse: {missing}"
            raise ValueError(message)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for work in (self._run(), self._listen()):
            self._own.append(self._tasks.create_task(work, name="job engine"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        for task in self._own:
            task.cancel()
        for running in list(self._running.values()):
            running.end(_Stop.PROCESS_ENDS)
        await self._tasks.__aexit__(None, None, None)

    async def _listen(self) -> None:
        async with contextlib.aclosing(
            Listener(self.database.address, CHANNEL, self.clock).heard()
        ) as notices:
            async for _ in notices:
                self._wake.set()

    async def _run(self) -> None:
        """Reconcile at each notice and every few seconds; no failure ends the task."""
        while True:
            self._wake.clear()
            fault = ""
            try:
                if all(map(self.serves, _ALWAYS_NEEDED)):
                    await self._reconcile()
            except DatabaseUnavailableError:
                fault = "the database does not answer"
            except Exception as error:  # noqa: BLE001 - jobs must go on after a defect
                fault = repr(error)
            if fault and fault != self._fault:
                logger.warning("jobs wait: %s", fault)
            self._fault = fault
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _reconcile(self) -> None:
        """Recover jobs once, send heartbeats, end cancelled jobs, start queued ones."""
        if not self._recovered:
            await self._recover()
            self._recovered = True
        await self._beat()
        if self.process is Process.SUPERVISOR:
            await JobService(self.database, self.clock).end_silent()
        for kind in self.kinds:
            while all(map(self.serves, kind.needs)) and (job := await self._claim(kind)):
                self._begin(kind, job)

    async def _recover(self) -> None:
        """Deal with jobs that an earlier process of this kind left behind."""
        for kind in self.kinds:
            async with self.database.connection() as connection:
                jobs = await JobStore(connection).jobs(limit=1000, kind=kind.name)
            for job in jobs:
                if job.state is JobState.RUNNING:
                    logger.warning("job %s (%s) was left running", job.id, kind.name)
                    await self._leave(kind, self._record(job), cancelled=job.is_cancelling)

    async def _leave(self, kind: Kind, record: JobRecord, *, cancelled: bool) -> None:
        """Close the record of a job whose process ends, or let the next process go on."""
        if cancelled:
            await record.end(JobState.CANCELLED, CANCELLED)
        elif kind.resumes:
            await record.queue_again(GONE)
        else:
            await record.end(JobState.INTERRUPTED, GONE)

    async def _beat(self) -> None:
        if not self._running:
            return
        async with self.database.connection() as connection:
            alive = await JobStore(connection).beat(list(self._running), now=self.clock.now())
        for job_id, running in list(self._running.items()):
            if job_id not in alive:
                running.end(_Stop.RECORD_CLOSED)
            elif alive[job_id]:
                running.end(_Stop.CANCELLED)

    async def _claim(self, kind: Kind) -> Job | None:
        now = self.clock.now()
        async with self.database.connection() as connection:
            return await JobStore(connection).claim(
                kind.name, now=now, deadline=now + kind.deadline
            )

    def _record(self, job: Job) -> JobRecord:
        return JobRecord(job, self.database, self.clock)

    def _begin(self, kind: Kind, job: Job) -> None:
        running = _Running(kind, self._record(job))
        self._running[job.id] = running
        running.task = self._tasks.create_task(self._see_through(running), name=f"job {kind.name}")
        logger.info("job %s (%s) begins", job.id, kind.name)

    async def _see_through(self, running: _Running) -> None:
        """Do the work of a job and keep how it ended."""
        job = running.record.job
        try:
            end = await self._work(running)
            logger.info("job %s (%s) is %s", job.id, job.kind, end.state if end else "left")
            await self._save(running, end)
        except Exception:
            # The silence of the job closes its record; the other jobs, and the process, go on.
            logger.exception("the end of job %s (%s) is not recorded", job.id, job.kind)
        finally:
            del self._running[job.id]
            self._wake.set()

    async def _work(self, running: _Running) -> _End | None:
        """Return how the work ended; None when the process ends or the record is closed."""
        kind, record = running.kind, running.record
        limit = asyncio.timeout(kind.deadline.total_seconds())
        try:
            async with limit:
                return _End(JobState.DONE, await self.works[kind.name](record))
        except JobEndedError:
            return None
        except ApplianceError as error:
            return _End(JobState.FAILED, f"{error.message} {error.advice}")
        except asyncio.CancelledError:
            if running.stop is None or running.task is None:
                raise
            running.task.uncancel()
            cancelled = running.stop is _Stop.CANCELLED
            return _End(JobState.CANCELLED, CANCELLED) if cancelled else None
        except Exception as error:
            if isinstance(error, TimeoutError) and limit.expired():
                return _End(JobState.FAILED, OVERDUE)
            logger.exception("job %s (%s) failed", record.job.id, kind.name)
            return _End(JobState.FAILED, f"{ApplianceError.sentence} {ApplianceError.hint}")

    async def _save(self, running: _Running, end: _End | None) -> None:
        """Keep how a job ended, as soon as the database answers; at the end of the process once."""
        if end is None and running.stop is not _Stop.PROCESS_ENDS:
            return None
        while True:
            with contextlib.suppress(DatabaseUnavailableError, TimeoutError):
                async with asyncio.timeout(_GRACE_SECONDS):
                    if end is not None:
                        return await running.record.end(end.state, end.result)
                    return await self._leave(running.kind, running.record, cancelled=False)
            if self._stopping:
                return None
            await self.clock.sleep(_RETRY_SECONDS)
