"""The schedule of backups against real records of jobs, and the works against fake operations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.actors.model import CommandLine
from appliance.backup_plan.records import read_plan
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.engine import JobEngine
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import BACKUP_KINDS, Process
from appliance.jobs.model import Job, JobState
from appliance.jobs.service import JobService
from appliance.llm.client import ModelRunner
from appliance.operations.model import Facts
from appliance.operations.runner import OperationRunner
from appliance.repository.errors import RepositoryDamagedError
from appliance.schedule.backup_times import BackupSchedule
from appliance.schedule.backup_works import BackupWorks
from appliance.settings.service import OperatorSettings
from tests.builders.backup_facts import catalog_of, keep_models, publish, verified_set
from tests.builders.library import until
from tests.fakes.clock import FakeClock
from tests.fakes.operations import FakeOperations

HOUR = timedelta(hours=1)
EVENING = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    return FakeOperations(settings.operations)


class Machine:
    """A claimed machine with a clock of the test's own, on which jobs end at once."""

    def __init__(self, settings: Settings, database: Database, operations: FakeOperations) -> None:
        self.clock = FakeClock(EVENING)
        self.database = database
        self.jobs = JobService(database, self.clock)
        self.chosen = OperatorSettings(database, settings)
        runner = OperationRunner(settings.operations, operations, self.clock)
        self.is_claimed = True
        self.schedule = BackupSchedule(
            self.clock, settings, self.jobs, self.chosen, runner, self._claimed, UTC
        )

    async def _claimed(self) -> bool:
        return self.is_claimed

    async def at(self, moment: datetime, *, finish: bool = True) -> list[str]:
        """Look at a time that the clock shows; return what was queued, and end it."""
        self.clock._now = moment
        before = {job.id for job in await self.jobs.jobs()}
        await self.schedule.look()
        queued = [job for job in await self.jobs.jobs() if job.id not in before]
        if finish:
            await self.finish()
        return sorted(job.kind for job in queued)

    async def finish(self) -> None:
        async with self.database.connection() as connection:
            await connection.execute(
                "UPDATE core.job SET state = 'done', finished_at = created_at "
                "WHERE state IN ('queued', 'running')"
            )


@pytest.fixture
def machine(settings: Settings, database: Database, operations: FakeOperations) -> Machine:
    return Machine(settings, database, operations)


def night(day: int, hour: int = 2, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


async def test_nothing_is_backed_up_before_the_claim(machine: Machine, settings: Settings) -> None:
    machine.is_claimed = False
    assert await machine.at(night(2)) == []
    assert read_plan(settings.state).claimed_at is None
    machine.is_claimed = True
    assert await machine.at(night(2, 9)) == []
    assert await machine.at(night(2, 9, 11)) == ["backup"]
    assert await machine.at(night(2, 9, 30)) == []


async def test_one_set_a_night_whatever_the_clock_does(
    machine: Machine, settings: Settings
) -> None:
    await machine.at(EVENING)
    publish(settings, catalog_of(EVENING, verified_set(EVENING)))
    assert "backup" not in await machine.at(night(2, 1, 59))
    assert "backup" in await machine.at(night(2, 2, 0))
    assert "backup" not in await machine.at(night(2, 2, 1))
    # Set back within the same night, and over two o'clock again.
    assert "backup" not in await machine.at(night(2, 1, 30))
    assert "backup" not in await machine.at(night(2, 2, 0))
    # A jump forward of a week, and back again: at most one each.
    assert "backup" in await machine.at(night(9, 12, 0))
    assert "backup" not in await machine.at(night(9, 12, 1))
    assert "backup" not in await machine.at(night(2, 3, 0))
    assert "backup" in await machine.at(night(3, 2, 0))
    # A machine that slept makes it when it wakes.
    assert "backup" in await machine.at(night(4, 11, 0))


async def test_a_clock_that_was_a_year_ahead_stops_nothing(
    machine: Machine, settings: Settings
) -> None:
    await machine.at(EVENING + timedelta(days=365))
    publish(settings, catalog_of(EVENING, verified_set(EVENING)))
    await machine.at(night(2, 1, 0))
    assert "backup" in await machine.at(night(2, 2, 0))
    assert "backup" not in await machine.at(night(2, 2, 1))


async def test_a_change_of_the_time_counts_at_once(machine: Machine, settings: Settings) -> None:
    await machine.at(EVENING)
    publish(settings, catalog_of(EVENING, verified_set(EVENING)))
    await machine.chosen.change(CommandLine(), {"backup_time": "21:30"})
    assert "backup" not in await machine.at(EVENING + HOUR)
    assert "backup" in await machine.at(EVENING + 1.5 * HOUR)


async def test_saves_in_between_wait_without_noise_while_a_set_is_made(
    machine: Machine, settings: Settings, operations: FakeOperations
) -> None:
    await machine.at(EVENING)
    publish(settings, catalog_of(EVENING, verified_set(EVENING)))
    assert await machine.at(EVENING + timedelta(minutes=1)) == ["hot_backup"]
    assert await machine.at(EVENING + timedelta(minutes=2)) == []
    machine.clock.advance(16 * 60)
    await machine.jobs.start(CommandLine(), "backup")
    assert await machine.at(EVENING + timedelta(minutes=20), finish=False) == []
    assert len([job for job in await machine.jobs.jobs() if job.state.is_active]) == 1
    await machine.finish()
    machine.clock.advance(16 * 60)
    operations.running.add("restore")
    assert await machine.at(EVENING + timedelta(minutes=40)) == []
    operations.running.clear()
    assert await machine.at(EVENING + timedelta(minutes=41)) == ["hot_backup"]


class Engine:
    """The supervisor's engine with fake operations."""

    def __init__(self, jobs: JobService) -> None:
        self.jobs = jobs

    async def ended(self, kind: str, subject: str = "") -> Job:
        job = await self.jobs.start(CommandLine(), kind, subject)

        async def has_ended() -> bool:
            return not (await self.jobs.job(job.id)).state.is_active

        await until(has_ended)
        return await self.jobs.job(job.id)

    async def kinds(self) -> list[str]:
        return [job.kind for job in reversed(await self.jobs.jobs())]

    async def idle(self) -> None:
        async def is_idle() -> bool:
            return not any(job.state.is_active for job in await self.jobs.jobs())

        await until(is_idle)


@pytest.fixture
async def engine(
    settings: Settings, database: Database, operations: FakeOperations
) -> AsyncIterator[Engine]:
    clock = SystemClock()
    jobs, runner = (
        JobService(database, clock),
        OperationRunner(settings.operations, operations, clock),
    )
    chosen = OperatorSettings(database, settings)
    async with ModelRunner("http://127.0.0.1:9") as models:
        works = BackupWorks(settings, clock, jobs, chosen, models, runner).table()
        async with JobEngine(database, clock, Process.SUPERVISOR, BACKUP_KINDS, works):
            yield Engine(jobs)


async def test_a_set_is_tried_when_it_is_written(
    engine: Engine, operations: FakeOperations
) -> None:
    operations.answers["set"] = lambda _: {"bytes": 3_000_000, "seconds": 24}
    operations.answers["drill"] = lambda _: {"tables": 40, "seconds": 58}
    job = await engine.ended("backup")
    assert job.state is JobState.DONE, job.result
    assert "2.9 MB" in (job.result or "")
    await engine.idle()
    assert await engine.kinds() == ["backup", "drill"]
    [request] = operations.asked("drill")
    assert request == {"source": 0, "index": False}


async def test_an_error_of_the_operation_is_that_of_the_job(
    engine: Engine, operations: FakeOperations
) -> None:
    def refuse(_: Facts) -> Facts:
        raise ApplianceError

    operations.answers["set"] = refuse
    job = await engine.ended("backup")
    assert job.state is JobState.FAILED
    assert job.result == f"{ApplianceError.sentence} {ApplianceError.hint}"
    assert await engine.kinds() == ["backup"]


async def test_damage_stops_the_removal_and_brings_a_new_set(
    engine: Engine, operations: FakeOperations, settings: Settings
) -> None:
    now = SystemClock().now()
    publish(settings, catalog_of(now, verified_set(now)))

    def find(_: Facts) -> Facts:
        publish(settings, catalog_of(now, verified_set(now), damage="data/ab"))
        raise RepositoryDamagedError(reason="data/ab")

    operations.answers.update(
        check=find,
        prune=lambda _: {"repaired": ["data/ab"]},
        list=lambda _: {},
        set=lambda _: {"bytes": 1, "seconds": 1},
        drill=lambda _: {"tables": 1, "seconds": 1},
    )
    job = await engine.ended("verify_backups")
    assert job.state is JobState.FAILED
    assert "data/ab" in (job.result or "")
    await engine.idle()
    # The new set is tried, and what it healed is looked at once more: then it ends.
    assert await engine.kinds() == ["verify_backups", "backup", "drill", "verify_backups"]
    assert all(request == {"repair": True} for request in operations.asked("prune"))


async def test_what_is_too_old_is_removed_after_each_file_was_read(
    engine: Engine, operations: FakeOperations, settings: Settings
) -> None:
    now = SystemClock().now()
    publish(settings, catalog_of(now, verified_set(now)))
    operations.answers.update(check=lambda _: {}, prune=lambda _: {"removed": 2}, list=lambda _: {})
    job = await engine.ended("verify_backups")
    assert job.result == "Each file of the backups is whole. 2 old backups removed."
    assert operations.asked("prune") == [
        {"keep_set": 7, "keep_hot": 2, "damage": "", "models_damage": ""}
    ]


async def test_models_are_saved_after_a_set_if_an_operator_has_said_so(
    engine: Engine, operations: FakeOperations, database: Database, settings: Settings
) -> None:
    operations.answers.update(
        set=lambda _: {"bytes": 1, "seconds": 1},
        drill=lambda _: {"tables": 1, "seconds": 1},
        models=lambda _: {"skipped": True},
    )
    await engine.ended("backup")
    await engine.idle()
    assert await engine.kinds() == ["backup", "drill"]
    await OperatorSettings(database, settings).change(CommandLine(), {"backup_models": "yes"})
    await engine.ended("backup")
    await engine.idle()
    assert len(operations.asked("models")) == 1
    # Without anything new there is no record.
    assert "model_backup" not in await engine.kinds()
    operations.answers["models"] = lambda _: {
        "bytes": 5_000_000,
        "added": 1_000_000,
        "seconds": 3,
        "left_out": ["sha256-11"],
    }
    job = await engine.ended("model_backup")
    assert job.state is JobState.DONE
    assert "sha256-11" in (job.result or "")


async def test_damaged_models_are_saved_again_and_fail_no_verification_of_sets(
    engine: Engine, operations: FakeOperations, settings: Settings
) -> None:
    now = SystemClock().now()
    publish(settings, catalog_of(now, verified_set(now)))
    keep_models(settings, now)

    def check(request: Facts) -> Facts:
        if request.get("models"):
            raise RepositoryDamagedError(reason="pack 0123")
        return {}

    operations.answers.update(
        check=check,
        prune=lambda _: {"removed": 0},
        list=lambda _: {},
        models=lambda _: {"bytes": 1, "added": 1, "seconds": 1},
    )
    job = await engine.ended("verify_backups")
    assert job.state is JobState.DONE
    assert "pack 0123" in (job.result or "")
    assert operations.asked("prune")[0] == {"models": True, "repair": True}
    await engine.idle()
    assert await engine.kinds() == ["verify_backups", "model_backup"]


async def test_a_save_without_anything_new_leaves_no_record(
    engine: Engine, operations: FakeOperations, database: Database
) -> None:
    operations.answers["hot"] = lambda _: {"skipped": True}
    await engine.jobs.start(CommandLine(), "hot_backup")

    async def is_gone() -> bool:
        return await engine.jobs.jobs() == []

    await until(is_gone)


async def test_no_backup_while_a_restore_runs(engine: Engine, operations: FakeOperations) -> None:
    operations.running.add("restore")
    job = await engine.ended("backup")
    assert job.state is JobState.FAILED
    assert "A restore is being made at this moment" in (job.result or "")
    assert operations.asked("set") == []


async def test_the_holder_of_the_lock_is_named(database: Database) -> None:
    jobs = JobService(database, SystemClock())
    await jobs.start(CommandLine(), "hot_backup")
    with pytest.raises(JobRunningError, match="“Back up what changed” is queued or running"):
        await jobs.start(CommandLine(), "backup")


async def test_a_cancelled_backup_ends_its_operation(
    engine: Engine, operations: FakeOperations, database: Database
) -> None:
    operations.held.add("set")
    job = await engine.jobs.start(CommandLine(), "backup")

    async def runs() -> bool:
        return "set" in operations.running

    await until(runs)
    await engine.jobs.cancel(CommandLine(), job.id)
    await engine.idle()
    assert (await engine.jobs.job(job.id)).state is JobState.CANCELLED
    assert operations.stopped == ["set"]
