"""Old entries are removed, and what is left can be verified as before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from appliance.actors.model import CommandLine
from appliance.audit import service
from appliance.audit.anchor import OWN, Anchor, AnchorFile
from appliance.audit.chain import Finding, Problem
from appliance.audit.model import AuditFilter
from appliance.audit.store import ChainStore
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.settings.model import AUDIT_DAYS
from tests.builders.audit import add_rows, audit_log, tampering, verified
from tests.fakes.clock import START

CLI = CommandLine()


async def add_old(database: Database, count: int, days: int) -> None:
    """Add rows that are some days old."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.audit (at, actor, action, object)"
            " SELECT now() - make_interval(days => %s), 'olga', 'person.lock', 'old ' || n"
            " FROM generate_series(1, %s) AS n",
            (days, count),
        )


async def test_a_chain_without_its_oldest_entries_is_whole(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PRUNED_AT_ONCE", 400)
    await add_old(database, 1_000, days=91)
    await add_rows(database, 20)
    log = audit_log(database, tmp_path)
    assert await log.prune(90) == 1_000
    report = await verified(database, tmp_path)
    assert report.is_whole
    # Three transactions, each with the entry that says what it removed.
    assert (report.first_position, report.last_position) == (1_001, 1_023)
    removals = await log.entries(CLI, AuditFilter(action="audit.prune"))
    assert [entry.detail["removed"] for entry in reversed(removals)] == [400, 400, 200]
    assert removals[0].detail["position"] == 1_000
    assert await log.prune(90) == 0
    assert len(await log.entries(CLI, AuditFilter(action="audit.prune"))) == 3


async def test_an_entry_that_is_younger_ends_the_removal(
    database: Database, tmp_path: Path
) -> None:
    await add_old(database, 5, days=50)
    await add_old(database, 5, days=10)
    await add_old(database, 5, days=50)
    log = audit_log(database, tmp_path)
    assert await log.prune(30) == 5
    assert (await verified(database, tmp_path)).first_position == 6


async def test_all_entries_may_be_old(database: Database, tmp_path: Path) -> None:
    await add_old(database, 5, days=50)
    log = audit_log(database, tmp_path)
    assert await log.prune(30) == 5
    report = await verified(database, tmp_path)
    assert (report.is_whole, report.entries, report.last_position) == (True, 1, 6)


async def test_two_removals_at_once_leave_a_whole_chain(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PRUNED_AT_ONCE", 20)
    await add_old(database, 200, days=50)
    log = audit_log(database, tmp_path)
    removed = await asyncio.gather(*(log.prune(30) for _ in range(4)), add_rows(database, 30))
    assert sum(filter(None, removed)) == 200
    report = await verified(database, tmp_path)
    assert (report.is_whole, report.first_position) == (True, 201)


async def test_nothing_younger_than_the_least_of_the_setting_can_be_removed(
    database: Database, tmp_path: Path
) -> None:
    await add_old(database, 5, days=29)
    with pytest.raises(psycopg.errors.RaiseException, match="30 days"):
        await audit_log(database, tmp_path).prune(AUDIT_DAYS.minimum - 1)
    assert await audit_log(database, tmp_path).prune(AUDIT_DAYS.minimum) == 0


async def test_anchors_of_what_was_removed_and_of_what_is_left(
    database: Database, tmp_path: Path
) -> None:
    await add_old(database, 10, days=50)
    async with database.connection() as connection:
        chain = ChainStore(connection)
        end = await chain.end()
        AnchorFile(tmp_path).write(Anchor(end, START, OWN))
        await add_rows(database, 10)
        await audit_log(database, tmp_path, SystemClock()).prune(30)
        # The anchor is where the chain begins now.
        assert (await verified(database, tmp_path)).is_whole
        assert await chain.start() == end.mark


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core.audit_start SET hash = sha256('x')",
        "UPDATE core.audit_start SET position = 11",
        "DELETE FROM core.audit WHERE action = 'audit.prune'",
    ],
)
async def test_a_start_that_no_entry_records_is_a_fault(
    database: Database, tmp_path: Path, statement: LiteralString
) -> None:
    await add_old(database, 10, days=50)
    await add_rows(database, 10)
    await audit_log(database, tmp_path).prune(30)
    async with tampering(database) as connection:
        await connection.execute(statement)
    assert not (await verified(database, tmp_path)).is_whole


async def test_the_removal_of_recent_entries_with_a_made_up_start_is_a_fault(
    database: Database, tmp_path: Path
) -> None:
    await add_old(database, 10, days=50)
    await add_rows(database, 10)
    await audit_log(database, tmp_path).prune(30)
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM core.audit WHERE object LIKE 'object _'")
        await connection.execute(
            "UPDATE core.audit_start SET position = 19,"
            " hash = (SELECT hash FROM core.audit_link WHERE position = 19)"
        )
        await connection.execute("DELETE FROM core.audit_link WHERE position <= 19")
    assert (await verified(database, tmp_path)).finding == Finding(Problem.START, 20)
