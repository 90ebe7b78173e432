"""Asking for jobs: who may start and cancel which, and one of a kind at a time."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.core.errors import ForbiddenError, NotFoundError
from appliance.db.pool import Database
from appliance.jobs.errors import (
    JobEndedError,
    JobFinishedError,
    JobForRootError,
    JobNotCancellableError,
    JobRunningError,
    UnknownKindError,
)
from appliance.jobs.kinds import CERTIFICATE, KINDS, available
from appliance.jobs.model import Job, JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.service import LONGEST_SILENCE, JobService
from appliance.jobs.store import JobStore
from tests.fakes.clock import FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(database: Database, clock: FakeClock) -> JobService:
    return JobService(database, clock)


async def begun(database: Database, clock: FakeClock, kind: str) -> JobRecord:
    """Claim a queued job as an engine does."""
    async with database.connection() as connection:
        job = await JobStore(connection).claim(kind, now=clock.now(), deadline=clock.now() + HOUR)
    assert job is not None
    return JobRecord(job, database, clock)


async def audit(database: Database) -> list[tuple[str, ...]]:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT actor, action, object FROM core.audit ORDER BY id")
        return await rows.fetchall()


async def test_a_job_is_recorded_from_its_request_to_its_result(
    jobs: JobService, database: Database, clock: FakeClock, olga: Account
) -> None:
    queued = await jobs.start(olga, "sweep")
    assert (queued.state, queued.requested_by) == (JobState.QUEUED, "olga")
    record = await begun(database, clock, "sweep")
    await record.progress("Half of it is done.", 1, 2, log=True)
    clock.advance(30)
    await record.log("Now the rest.")
    await record.end(JobState.DONE, "All is done.")
    found = await jobs.job(queued.id)
    assert (found.state, found.result) == (JobState.DONE, "All is done.")
    assert (found.progress, found.done, found.total) == ("Half of it is done.", 1, 2)
    assert (
        found.log == "2026-03-01 12:00:00 Half of it is done.\n2026-03-01 12:00:30 Now the rest.\n"
    )
    assert found.heartbeat_at == found.finished_at == clock.now()
    [listed] = await jobs.jobs()
    assert (listed.id, listed.log) == (found.id, "")
    assert await jobs.latest_of_kinds() == {"sweep": listed}
    assert await audit(database) == [("olga", "job.start", "sweep")]


async def test_two_jobs_with_one_lock_are_never_there_at_once(jobs: JobService) -> None:
    await jobs.start(CommandLine(), "embed")
    await jobs.start(CommandLine(), "sweep")
    with pytest.raises(JobRunningError, match="Build the search index"):
        await jobs.start(CommandLine(), "embed")
    await jobs.begin_fetch(CommandLine(), "a:1b")
    await jobs.begin_fetch(CommandLine(), "b:1b")
    with pytest.raises(JobRunningError):
        await jobs.begin_fetch(CommandLine(), "a:1b")


async def test_a_silent_job_is_interrupted_and_its_lock_is_free(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    await jobs.start(CommandLine(), "sweep")
    record = await begun(database, clock, "sweep")
    clock.advance(LONGEST_SILENCE.total_seconds() + 1)
    successor = await jobs.start(CommandLine(), "sweep")
    assert (await jobs.job(record.job.id)).state is JobState.INTERRUPTED
    with pytest.raises(JobEndedError):
        await record.log("I am still here")
    await record.end(JobState.DONE, "too late")
    assert (await jobs.job(record.job.id)).state is JobState.INTERRUPTED
    assert (await jobs.job(successor.id)).state is JobState.QUEUED


async def test_a_silent_job_of_a_kind_that_resumes_is_queued_again(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    await jobs.start(CommandLine(), "embed")
    record = await begun(database, clock, "embed")
    clock.advance(LONGEST_SILENCE.total_seconds() + 1)
    assert await jobs.end_silent() == 1
    assert (await jobs.job(record.job.id)).state is JobState.QUEUED


async def test_a_silent_job_that_was_to_end_does_not_go_on(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    await jobs.start(CommandLine(), "embed")
    record = await begun(database, clock, "embed")
    await jobs.cancel(CommandLine(), record.job.id)
    clock.advance(LONGEST_SILENCE.total_seconds() + 1)
    assert await jobs.end_silent() == 1
    assert (await jobs.job(record.job.id)).state is JobState.CANCELLED


async def test_a_job_that_did_not_end_at_its_deadline_is_closed(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    await jobs.start(CommandLine(), "embed")
    record = await begun(database, clock, "embed")
    clock.advance(HOUR.total_seconds() + LONGEST_SILENCE.total_seconds() / 2)
    await record.log("I am late")
    assert await jobs.end_silent() == 0
    clock.advance(LONGEST_SILENCE.total_seconds() - 1)
    async with database.connection() as connection:
        await connection.execute("UPDATE core.job SET heartbeat_at = %s", (clock.now(),))
    assert await jobs.end_silent() == 1
    found = await jobs.job(record.job.id)
    assert found.state is JobState.FAILED
    assert "deadline" in (found.result or "")


async def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked_to_end(
    jobs: JobService, database: Database, clock: FakeClock, olga: Account
) -> None:
    queued = await jobs.start(olga, "sweep")
    assert (await jobs.cancel(olga, queued.id)).state is JobState.CANCELLED
    with pytest.raises(JobFinishedError):
        await jobs.cancel(olga, queued.id)
    await jobs.start(olga, "sweep")
    record = await begun(database, clock, "sweep")
    assert await record.log("working") is False
    assert (await jobs.cancel(olga, record.job.id)).is_cancelling
    assert await record.log("working") is True
    assert ("olga", "job.cancel", "sweep") in await audit(database)


async def test_a_kind_that_cannot_be_broken_off_is_not(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    waiting = await jobs.start(CommandLine(), CERTIFICATE.name)
    record = await begun(database, clock, CERTIFICATE.name)
    assert record.job.id == waiting.id
    with pytest.raises(JobNotCancellableError):
        await jobs.cancel(CommandLine(), waiting.id)


async def test_members_start_and_cancel_nothing(
    jobs: JobService, alice: Account, database: Database
) -> None:
    with pytest.raises(ForbiddenError):
        await jobs.start(alice, "sweep")
    job = await jobs.start(CommandLine(), "sweep")
    with pytest.raises(ForbiddenError):
        await jobs.cancel(alice, job.id)
    assert await audit(database) == [("command line", "job.start", "sweep")]


async def test_what_is_for_root_is_not_started_by_an_operator(
    jobs: JobService, olga: Account
) -> None:
    with pytest.raises(JobForRootError):
        await jobs.start(olga, "model_fetch")
    with pytest.raises(UnknownKindError):
        await jobs.start(olga, "nonsense")


async def test_old_records_are_forgotten_and_active_jobs_stay(
    jobs: JobService, database: Database, clock: FakeClock
) -> None:
    await jobs.start(CommandLine(), "embed")
    await jobs.start(CommandLine(), "sweep")
    await (await begun(database, clock, "sweep")).end(JobState.DONE, "")
    clock.advance(HOUR.total_seconds())
    assert await jobs.forget(HOUR * 2) == 0
    assert await jobs.forget(HOUR / 2) == 1
    kept: list[Job] = await jobs.jobs()
    assert [job.kind for job in kept] == ["embed"]


async def test_an_unknown_job_is_not_found(jobs: JobService) -> None:
    with pytest.raises(NotFoundError):
        await jobs.job(uuid4())
    with pytest.raises(NotFoundError):
        await jobs.cancel(CommandLine(), uuid4())


def test_the_table_of_kinds_names_each_once_and_the_package_has_them_all() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
    assert available(https=True) == KINDS
    assert CERTIFICATE not in available(https=False)
