"""A run at the authority is queued when it is due, and its job says how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.acme.errors import RateLimitedError
from appliance.acme.model import AcmePlan, AcmeState
from appliance.acme.records import AcmeRecords
from appliance.acme.service import AcmeService
from appliance.actors.model import CommandLine
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import ACME, Process
from appliance.jobs.model import Job, JobState
from appliance.jobs.service import JobService
from appliance.operations.model import Facts
from appliance.operations.runner import OperationRunner
from appliance.schedule.acme_works import AcmeSchedule, AcmeWorks
from appliance.tls.authority import make_authority, make_leaf
from appliance.tls.model import Origin
from tests.builders.audit import audit_log
from tests.builders.library import until
from tests.fakes.clock import FakeClock
from tests.fakes.operations import FakeOperations

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAN = AcmePlan(directory="https://ca.example/dir", names=("chat.example", "www.chat.example"))
HOUR, DAY = 3600.0, 24 * 3600.0


class Chains:
    """Who has the key: it takes any chain."""

    def __init__(self) -> None:
        self.installed: list[bytes] = []

    async def csr(self, names: Sequence[str]) -> bytes:
        return " ".join(names).encode()

    async def install(self, chain: bytes, origin: Origin) -> None:
        self.installed.append(chain)


class Machine:
    """A machine whose authority a test answers for."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.clock = FakeClock(NOW)
        self.database = database
        self.jobs = JobService(database, self.clock)
        self.records = AcmeRecords(settings.state)
        self.operations = FakeOperations(settings.operations, {"acme": self.answer})
        self.chains = Chains()
        self.fails = set[str]()
        self.limit: int | None = None
        runner = OperationRunner(settings.operations, self.operations, self.clock)
        self.acme = AcmeService(
            settings,
            self.records,
            runner,
            self.chains,
            audit_log(database, settings.state),
            self.clock,
        )
        self.schedule = AcmeSchedule(self.clock, self.jobs, self.acme)

    def answer(self, request: Facts) -> Facts:
        """Answer as the operation does."""
        if self.limit is not None:
            raise RateLimitedError(
                place=PLAN.directory, reason="Enough.", seconds=self.limit, wait="5 h"
            )
        names = str(request["csr"]).split()
        if failed := [name for name in names if name in self.fails]:
            failures = [{"name": name, "refusal": "dns", "detail": "NXDOMAIN"} for name in failed]
            working = [name for name in names if name not in self.fails]
            return {"chain": "", "working": working, "failed": failures, "new_terms": ""}
        now = self.clock.now()
        pair = make_leaf(make_authority(names, now), names, now)
        return {"chain": pair.certificate.decode(), "working": [], "failed": [], "new_terms": ""}

    async def look(self) -> list[Job]:
        """Let the schedule look; return the jobs that wait."""
        await self.schedule.look()
        return [job for job in await self.jobs.jobs() if job.state is JobState.QUEUED]

    async def work(self) -> Job:
        """Carry out what waits, and return how it ended."""
        table = AcmeWorks(self.acme).table()
        engine = JobEngine(
            self.database, self.clock, Process.SUPERVISOR, (ACME,), table, lambda _: True
        )
        async with engine:
            await until(self._has_ended)
        [newest, *_] = await self.jobs.jobs()
        return newest

    async def _has_ended(self) -> bool:
        [newest, *_] = await self.jobs.jobs()
        return not newest.state.is_active

    async def run(self) -> Job:
        """Let the schedule queue a run, and carry it out."""
        assert len(await self.look()) == 1
        return await self.work()


@pytest.fixture
def machine(tmp_path: Path, database: Database) -> Machine:
    settings = Settings(home=tmp_path, with_tls=True, host="chat.example")
    return Machine(settings, database)


async def test_while_it_is_off_nothing_is_queued(machine: Machine) -> None:
    assert await machine.look() == []


async def test_a_run_is_queued_when_it_is_due_and_its_job_names_the_end(machine: Machine) -> None:
    machine.records.keep_plan(PLAN)
    job = await machine.run()
    assert (job.state, job.requested_by) == (JobState.DONE, "Cloister")
    assert "chat.example, www.chat.example until 2027" in (job.result or "")
    assert len(machine.chains.installed) == 1
    assert await machine.look() == []
    machine.clock.advance(290 * DAY)
    assert "until 2028" in ((await machine.run()).result or "")
    assert len(machine.chains.installed) == 2


async def test_a_name_that_fails_is_in_the_result(machine: Machine) -> None:
    machine.records.keep_plan(PLAN)
    machine.fails = {"www.chat.example"}
    job = await machine.run()
    assert job.state is JobState.DONE
    assert "a certificate for chat.example until" in (job.result or "")
    assert "www.chat.example leads (NXDOMAIN)" in (job.result or "")
    machine.clock.advance(DAY)
    assert "No other certificate is needed" in ((await machine.run()).result or "")
    assert len(machine.chains.installed) == 1


async def test_an_authority_that_asks_for_a_wait_gets_it(machine: Machine) -> None:
    machine.records.keep_plan(PLAN)
    machine.limit = round(5 * HOUR)
    job = await machine.run()
    assert job.state is JobState.FAILED
    assert "accepts no more requests for now" in (job.result or "")
    machine.limit = None
    machine.clock.advance(5 * HOUR - 60)
    assert await machine.look() == []
    machine.clock.advance(120)
    assert (await machine.run()).state is JobState.DONE


async def test_a_person_who_asks_gets_a_run_at_once(machine: Machine) -> None:
    machine.records.keep_plan(PLAN)
    machine.records.keep_state(AcmeState(next_try_at=NOW + timedelta(hours=9), failures=3))
    assert await machine.look() == []
    await machine.jobs.start(CommandLine(), ACME.name)
    assert (await machine.work()).state is JobState.DONE
    assert machine.records.state().failures == 0


async def test_a_run_that_was_cancelled_is_not_begun_again_at_once(machine: Machine) -> None:
    machine.records.keep_plan(PLAN)
    [job] = await machine.look()
    await machine.jobs.cancel(CommandLine(), job.id)
    machine.clock.advance(60)
    assert await machine.look() == []
    machine.clock.advance(HOUR)
    assert len(await machine.look()) == 1


async def test_a_job_that_is_started_while_it_is_off_says_so(machine: Machine) -> None:
    await machine.jobs.start(CommandLine(), ACME.name)
    job = await machine.work()
    assert job.state is JobState.FAILED
    assert "gets no certificates by ACME" in (job.result or "")
