"""Long work is recorded: one of a kind at a time, with signs of life and an end."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.jobs.errors import JobEndedError, JobRunningError
from appliance.jobs.model import JobState
from appliance.jobs.service import LONGEST_SILENCE, JobService
from tests.fakes.clock import FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(ingest_database: Database, clock: FakeClock) -> JobService:
    return JobService(ingest_database, clock)


async def test_a_job_is_recorded_from_its_start_to_its_result(
    jobs: JobService, clock: FakeClock
) -> None:
    job = await jobs.start("embed", HOUR)
    assert (job.state, job.deadline_at) == (JobState.RUNNING, clock.now() + HOUR)
    await jobs.beat(job.id, "Half of it is done.")
    clock.advance(30)
    await jobs.beat(job.id)
    await jobs.finish(job.id, "All is done.")
    found = await jobs.job(job.id)
    assert (found.state, found.result) == (JobState.DONE, "All is done.")
    assert found.log == "2026-03-01 12:00:00 Half of it is done.\n"
    assert found.heartbeat_at == found.finished_at == clock.now()
    assert await jobs.jobs() == [found]


async def test_two_jobs_of_one_kind_never_run_at_once(jobs: JobService) -> None:
    await jobs.start("embed", HOUR)
    await jobs.start("backup", HOUR)
    with pytest.raises(JobRunningError):
        await jobs.start("embed", HOUR)


async def test_a_silent_job_is_taken_for_dead_and_told_so_when_it_comes_back(
    jobs: JobService, clock: FakeClock
) -> None:
    silent = await jobs.start("embed", HOUR)
    clock.advance(LONGEST_SILENCE.total_seconds() + 1)
    successor = await jobs.start("embed", HOUR)
    assert (await jobs.job(silent.id)).state is JobState.FAILED
    with pytest.raises(JobEndedError):
        await jobs.beat(silent.id)
    await jobs.finish(silent.id, "too late")
    assert (await jobs.job(silent.id)).state is JobState.FAILED
    assert (await jobs.job(successor.id)).state is JobState.RUNNING


async def test_a_job_past_its_deadline_is_stopped(jobs: JobService, clock: FakeClock) -> None:
    job = await jobs.start("embed", HOUR)
    clock.advance(HOUR.total_seconds() + 1)
    with pytest.raises(JobEndedError):
        await jobs.beat(job.id)
    await jobs.fail(job.id, "It took too long.")
    assert (await jobs.job(job.id)).result == "It took too long."


async def test_an_unknown_job_is_not_found(jobs: JobService) -> None:
    with pytest.raises(NotFoundError):
        await jobs.job(uuid4())
