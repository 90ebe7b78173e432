"""The nightly job verifies the audit, then removes what is too old."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.audit.model import AuditFilter
from appliance.audit.report import read_report
from appliance.audit.verification import Verifier
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.kinds import AUDIT
from appliance.jobs.store import JobStore
from appliance.schedule.works import SupervisorWorks
from appliance.services import Services
from appliance.settings.model import AUDIT_DAYS
from tests.builders.audit import add_rows, audit_log, tampering, verified
from tests.builders.services import services_of

CLI = CommandLine()


@dataclass
class Nightly:
    """The job, as the engine runs it."""

    services: Services
    works: SupervisorWorks
    database: Database
    state: Path

    async def run(self) -> str:
        """Run it once, and return its result."""
        queued = await self.services.jobs.enqueue(AUDIT.name, requested_by="schedule")
        now = SystemClock().now()
        async with self.database.connection() as connection:
            await JobStore(connection).claim(AUDIT.name, now=now, deadline=now + AUDIT.deadline)
        record = await self.services.jobs.record(queued.id)
        said = await self.works.table()[AUDIT.name](record)
        async with self.database.connection() as connection:
            await connection.execute("DELETE FROM core.job")
        return said

    async def ages(self, count: int, days: int) -> None:
        """Add entries that are some days old."""
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO core.audit (at, actor, action)"
                " SELECT now() - make_interval(days => %s), 'olga', 'person.lock'"
                " FROM generate_series(1, %s)",
                (days, count),
            )


@pytest.fixture
def nightly(database: Database, tmp_path: Path) -> Nightly:
    settings, clock, services = Settings(tmp_path), SystemClock(), services_of(database)
    verifier = Verifier(database, settings.state, tmp_path / "none", clock)
    log = audit_log(database, settings.state)

    works = SupervisorWorks(
        settings,
        clock,
        services.jobs,
        services.operator_settings,
        log,
        verifier,
        services.accounts.sweep,
        services.certificates,
        services.setup_check,
    )
    return Nightly(services, works, database, settings.state)


async def test_what_it_found_is_kept_for_the_check_of_the_machine(
    nightly: Nightly, database: Database
) -> None:
    await add_rows(database, 5)
    assert (await nightly.run()).startswith("No entry of the audit is changed")
    whole = read_report(nightly.state)
    assert whole is not None
    assert (whole.is_whole, whole.entries) == (True, 5)
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM core.audit WHERE id = 2")
    assert await nightly.run() == "Entry 2 of the audit, at place 2, is missing."
    broken = read_report(nightly.state)
    assert broken is not None
    assert not broken.is_whole


async def test_entries_are_kept_as_long_as_the_operator_says(
    nightly: Nightly, database: Database, olga: Account
) -> None:
    await nightly.ages(4, days=100)
    await nightly.run()
    assert len(await nightly.services.audit.entries(CLI, AuditFilter())) == 4
    await nightly.services.operator_settings.change(olga, {AUDIT_DAYS.name: 90})
    await nightly.run()
    removal, change = await nightly.services.audit.entries(CLI, AuditFilter())
    assert (change.actor, change.action, change.name) == ("olga", "setting.change", "audit_days")
    assert change.detail["to"] == 90
    assert (removal.actor, removal.action) == ("the appliance", "audit.prune")
    assert removal.detail["removed"] == 4
    assert (await verified(database, nightly.state)).is_whole


async def test_no_limit_removes_nothing(nightly: Nightly, olga: Account) -> None:
    await nightly.ages(2, days=20_000)
    await nightly.services.operator_settings.change(olga, {AUDIT_DAYS.name: 0})
    await nightly.run()
    assert len(await nightly.services.audit.entries(CLI, AuditFilter())) == 3


async def test_a_fault_is_found_before_the_entry_that_has_it_is_removed(
    nightly: Nightly, database: Database, olga: Account
) -> None:
    await nightly.ages(4, days=100)
    await nightly.services.operator_settings.change(olga, {AUDIT_DAYS.name: 90})
    async with tampering(database) as connection:
        await connection.execute("UPDATE core.audit SET actor = 'eve' WHERE id = 2")
    assert "Entry 2 of the audit, at place 2, was changed" in await nightly.run()
    assert (await nightly.run()).startswith("No entry of the audit is changed")
