"""The engine runs what is queued, sees to its end, and leaves nothing running behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError, InvalidInputError
from appliance.db.pool import Database
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import EMBED, SWEEP, Kind, Process
from appliance.jobs.model import Job, JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.service import JobService
from appliance.schedule.cron import Schedule
from tests.builders.library import until

Work = Callable[[JobRecord], Awaitable[str]]
# As the supervisor's, which also watches over the others' jobs; it resumes like the other.
RESUMING = replace(SWEEP, resumes=True)


@pytest.fixture
def jobs(database: Database) -> JobService:
    return JobService(database, SystemClock())


Start = Callable[..., JobEngine]


@pytest.fixture
def engine(database: Database) -> Start:
    """Make engines of the supervisor's process with one kind."""

    def make(
        work: Work, kind: Kind = SWEEP, serves: Callable[[str], bool] = lambda _: True
    ) -> JobEngine:
        works = {kind.name: work}
        return JobEngine(database, SystemClock(), Process.SUPERVISOR, [kind, EMBED], works, serves)

    return make


async def ended(jobs: JobService, job: Job) -> Job:
    """Wait for the end of a job."""
    return await reached(jobs, job, lambda found: not found.state.is_active)


async def reached(jobs: JobService, job: Job, condition: Callable[[Job], bool]) -> Job:
    async def check() -> bool:
        return condition(await jobs.job(job.id))

    await until(check)
    return await jobs.job(job.id)


async def forever(record: JobRecord) -> str:
    await record.progress("It works.", 1, 3, log=True)
    await asyncio.Event().wait()
    return "never"


async def quick(_: JobRecord) -> str:
    return "Nothing was left to do."


async def test_a_queued_job_is_run_to_its_result(jobs: JobService, engine: Start) -> None:
    before = await jobs.start(CommandLine(), "sweep")
    async with engine(quick):
        assert (await ended(jobs, before)).state is JobState.DONE
        during = await jobs.start(CommandLine(), "sweep")
        found = await ended(jobs, during)
    assert (found.state, found.result) == (JobState.DONE, "Nothing was left to do.")
    assert found.started_at is not None
    assert found.deadline_at == found.started_at + SWEEP.deadline


async def test_progress_is_seen_while_it_runs_and_a_cancel_ends_it(
    jobs: JobService, engine: Start
) -> None:
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(forever):
        found = await reached(jobs, job, lambda found: found.done == 1)
        assert (found.state, found.total, found.progress) == (JobState.RUNNING, 3, "It works.")
        await jobs.cancel(CommandLine(), job.id)
        found = await ended(jobs, job)
        assert (found.state, found.result) == (JobState.CANCELLED, "It was cancelled.")
        # The lock is free again.
        await jobs.start(CommandLine(), "sweep")


async def test_a_job_past_its_deadline_is_ended_as_failed(jobs: JobService, engine: Start) -> None:
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(forever, replace(SWEEP, deadline=timedelta(milliseconds=200))):
        found = await ended(jobs, job)
    assert found.state is JobState.FAILED
    assert "deadline" in (found.result or "")


async def test_an_error_is_told_with_its_advice_and_a_defect_without_details(
    jobs: JobService, engine: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(_: JobRecord) -> str:
        raise InvalidInputError(problem="The disk is full.", remedy="Make room.")

    async def break_down(_: JobRecord) -> str:
        raise ZeroDivisionError

    job = await jobs.start(CommandLine(), "sweep")
    async with engine(refuse):
        found = await ended(jobs, job)
    assert (found.state, found.result) == (JobState.FAILED, "The disk is full. Make room.")
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(break_down):
        found = await ended(jobs, job)
        assert found.state is JobState.FAILED
        assert "ZeroDivision" not in (found.result or "")
        assert f"job {job.id} (sweep) failed" in caplog.text
        # The engine goes on.
        job = await jobs.start(CommandLine(), "sweep")
        await ended(jobs, job)


async def test_a_timeout_inside_the_work_is_not_the_deadline(
    jobs: JobService, engine: Start
) -> None:
    async def impatient(_: JobRecord) -> str:
        raise TimeoutError

    job = await jobs.start(CommandLine(), "sweep")
    async with engine(impatient):
        found = await ended(jobs, job)
    assert "deadline" not in (found.result or "")


async def test_the_end_of_the_process_interrupts_a_job(jobs: JobService, engine: Start) -> None:
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(forever):
        await reached(jobs, job, lambda found: found.state is JobState.RUNNING)
    found = await jobs.job(job.id)
    assert (found.state, found.result) == (
        JobState.INTERRUPTED,
        "Its process ended before the job did.",
    )


async def test_a_job_of_a_kind_that_resumes_goes_on_in_the_next_process(
    jobs: JobService, engine: Start
) -> None:
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(forever, RESUMING):
        await reached(jobs, job, lambda found: found.state is JobState.RUNNING)
    assert (await jobs.job(job.id)).state is JobState.QUEUED
    async with engine(quick, RESUMING):
        found = await ended(jobs, job)
    assert found.state is JobState.DONE
    assert "It works." in found.log
    assert "Its process ended" in found.log


@pytest.mark.parametrize(
    ("kind", "state"), [(SWEEP, JobState.INTERRUPTED), (RESUMING, JobState.DONE)]
)
async def test_what_a_killed_process_left_is_found_by_the_next_one_at_once(
    jobs: JobService, engine: Start, database: Database, kind: Kind, state: JobState
) -> None:
    job = await jobs.start(CommandLine(), "sweep")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE core.job SET state = 'running', heartbeat_at = now(), started_at = now()"
        )
    async with engine(quick, kind):
        assert (await ended(jobs, job)).state is state


async def test_a_job_waits_until_the_units_that_it_needs_serve(
    jobs: JobService, engine: Start
) -> None:
    serving: set[str] = {"migrate"}
    asked: list[str] = []

    def serves(name: str) -> bool:
        asked.append(name)
        return name in serving

    async def is_asked() -> bool:
        return "nginx" in asked

    job = await jobs.start(CommandLine(), "sweep")
    async with engine(quick, replace(SWEEP, needs=("nginx",)), serves) as running:
        await until(is_asked)
        assert (await jobs.job(job.id)).state is JobState.QUEUED
        serving.add("nginx")
        running._wake.set()
        assert (await ended(jobs, job)).state is JobState.DONE


async def test_nothing_is_asked_of_the_database_before_the_schema_is_there(
    jobs: JobService, engine: Start
) -> None:
    asked = asyncio.Event()

    def serves(_: str) -> bool:
        asked.set()
        return False

    job = await jobs.start(CommandLine(), "sweep")
    async with engine(quick, SWEEP, serves):
        await asked.wait()
    assert (await jobs.job(job.id)).state is JobState.QUEUED


async def test_the_end_is_kept_although_the_database_went_away(
    jobs: JobService, engine: Start, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = JobRecord.end, [1, 2]

    async def end(record: JobRecord, state: JobState, result: str) -> None:
        if failures:
            failures.pop()
            raise DatabaseUnavailableError
        await real(record, state, result)

    monkeypatch.setattr(JobRecord, "end", end)
    job = await jobs.start(CommandLine(), "sweep")
    async with engine(quick):
        assert (await ended(jobs, job)).state is JobState.DONE
    assert not failures


async def test_an_end_that_cannot_be_kept_ends_neither_the_engine_nor_the_process(
    jobs: JobService, engine: Start, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = JobRecord.end, [True]

    async def end(record: JobRecord, state: JobState, result: str) -> None:
        if broken:
            broken.pop()
            raise ZeroDivisionError
        await real(record, state, result)

    monkeypatch.setattr(JobRecord, "end", end)
    await jobs.start(CommandLine(), "sweep")
    async with engine(quick):
        await until(lambda: _is_empty(broken))
        async with database.connection() as connection:
            await connection.execute("UPDATE core.job SET heartbeat_at = '-infinity'")
        assert (await ended(jobs, await jobs.start(CommandLine(), "sweep"))).state is JobState.DONE


async def _is_empty(items: list[bool]) -> bool:
    return not items


def test_an_engine_has_a_work_for_each_kind_of_its_process(database: Database) -> None:
    for works in ({}, {"sweep": quick, "nonsense": quick}):
        with pytest.raises(ValueError, match="without work"):
            JobEngine(database, SystemClock(), Process.SUPERVISOR, [SWEEP, EMBED], works)


async def test_the_schedule_queues_and_does_not_queue_twice(
    jobs: JobService, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = Schedule(jobs, [SWEEP, EMBED])
    await schedule.queue(SWEEP)
    await schedule.queue(SWEEP)
    [job] = await jobs.jobs()
    assert (job.kind, job.state, job.requested_by) == ("sweep", JobState.QUEUED, "schedule")
    assert "the job sweep is not queued" in caplog.text


async def test_the_schedule_follows_the_time_zone(jobs: JobService) -> None:
    async with Schedule(jobs, [SWEEP, EMBED]) as schedule:
        before = schedule.next_times()
        schedule.use_zone("Asia/Kathmandu")
        moved = schedule.next_times()
        assert moved.keys() == before.keys()
        for kind, at in moved.items():
            # An offset that is no whole hour: the minute of the hour is another one elsewhere.
            assert at.minute == before[kind].minute
            assert at.utcoffset() == timedelta(hours=5, minutes=45)
        schedule.use_zone("")
        assert {at.utcoffset() for at in schedule.next_times().values()} == {
            at.utcoffset() for at in before.values()
        }
