"""The supervisor follows the chain, and keeps its end where the database cannot reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.actors.model import CommandLine
from appliance.audit.anchor import FILE, AnchorFile
from appliance.audit.keeper import AuditKeeper
from appliance.audit.model import Action, AuditEvent, AuditFilter, ObjectType
from appliance.audit.outage_notes import OutageNotes
from appliance.audit.report import Report
from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database, conninfo
from tests.builders.audit import add_rows, audit_log, audited, tampering, verified

STOP = AuditEvent(Action.UNIT_STOP, ObjectType.UNIT, "ingest")
CLI = CommandLine()


class Supervised:
    """A keeper with its anchors, and the reports of the verifications that it asked for."""

    def __init__(self, database: Database, state: Path) -> None:
        self.database, self.state = database, state
        self.reports: list[Report] = []
        self.anchors = AnchorFile(state)
        log, clock = audit_log(database, state), SystemClock()
        self.keeper = AuditKeeper(database, self.anchors, log, clock, self._verify)

    async def _verify(self) -> None:
        self.reports.append(await verified(self.database, self.state))

    @property
    def position(self) -> int | None:
        """Return where the newest anchor is."""
        anchors = self.anchors.read()
        return anchors[0].end.position if anchors else None

    def move(self) -> None:
        """Let the anchors be those of another database, as before a restore."""
        anchor = self.anchors.read()[0]
        (self.state / FILE).unlink()
        self.anchors.write(replace(anchor, end=replace(anchor.end, cluster="17")))


@pytest.fixture
def supervised(database: Database, tmp_path: Path) -> Supervised:
    return Supervised(database, tmp_path)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_each_new_end_is_anchored_while_it_runs(
    supervised: Supervised, database: Database, chat_database: Database
) -> None:
    async with supervised.keeper:
        await until(lambda: supervised.position == 0)
        await add_rows(database, 3)
        await until(lambda: supervised.position == 3)
        # A chat server cannot read the chain; what it adds is anchored as well.
        async with chat_database.connection() as connection:
            await connection.execute(
                "INSERT INTO core.audit (actor, action) VALUES ('a', 'document.add')"
            )
        await until(lambda: supervised.position == 4)
    assert supervised.reports == []


async def test_what_was_noted_in_an_outage_is_added_at_the_start(
    supervised: Supervised, database: Database, tmp_path: Path
) -> None:
    async with Database(conninfo(tmp_path / "nothing", "cloister"), wait=0.1) as dark:
        await audit_log(dark, tmp_path).note(CLI, STOP)
    assert len(await OutageNotes(tmp_path).notes()) == 1
    async with supervised.keeper:
        await until(lambda: supervised.position == 1)
    assert await audited(database) == [("command line", "unit.stop", "ingest")]


async def test_an_anchor_that_nothing_continues_stays_and_the_audit_is_verified_once(
    supervised: Supervised, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await add_rows(database, 10)
    await supervised.keeper.keep()
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM core.audit WHERE id > 5")
        await connection.execute("DELETE FROM core.audit_link WHERE position > 5")
    for _ in range(3):
        await supervised.keeper.keep()
    assert supervised.position == 10
    (report,) = supervised.reports
    assert report.finding is not None
    assert "the audit is not the one that was anchored: position=10 end=5" in caplog.text
    # Neither do new entries make it forget.
    await add_rows(database, 10)
    await supervised.keeper.keep()
    assert supervised.position == 10


async def test_retention_moves_no_anchor(
    supervised: Supervised, database: Database, tmp_path: Path
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.audit (at, actor, action) SELECT now() - interval '90 days', 'o', 'p'"
            " FROM generate_series(1, 10)"
        )
    await supervised.keeper.keep()
    await add_rows(database, 3)
    assert await audit_log(database, tmp_path).prune(30) == 10
    await supervised.keeper.keep()
    assert (supervised.position, supervised.reports) == (14, [])
    assert (await verified(database, tmp_path)).is_whole


async def test_another_database_in_its_place_is_an_entry_and_no_fault(
    supervised: Supervised, database: Database, tmp_path: Path
) -> None:
    """A restore builds a new database, whose audit ends where the backup was made."""
    await add_rows(database, 7)
    await supervised.keeper.keep()
    supervised.move()
    await supervised.keeper.keep()
    newest = (await audit_log(database, tmp_path).entries(CLI, AuditFilter()))[0]
    assert (newest.actor, newest.action) == ("the appliance", "database.exchange")
    assert newest.detail["former_position"] == 7
    assert (supervised.position, len(supervised.anchors.read())) == (8, 2)
    # Once.
    await supervised.keeper.keep()
    assert (supervised.position, supervised.reports) == (8, [])
    assert (await verified(database, tmp_path)).is_whole


async def test_the_undo_of_a_restore_returns_to_the_anchor_of_the_former_database(
    supervised: Supervised, database: Database
) -> None:
    await add_rows(database, 7)
    await supervised.keeper.keep()
    former = supervised.anchors.read()[0]
    restored = replace(former, end=replace(former.end, cluster="17", position=90))
    supervised.anchors.write(restored)
    await supervised.keeper.keep()
    newest, other = supervised.anchors.read()
    assert (newest.end.cluster, newest.end.position) == (former.end.cluster, 8)
    assert other == restored
    # What was cut off meanwhile would have been seen.
    supervised.anchors.write(restored)
    async with tampering(database) as connection:
        await connection.execute("DELETE FROM core.audit_link WHERE position > 5")
    await supervised.keeper.keep()
    assert len(supervised.reports) == 1


async def test_a_silent_database_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, failed = AuditKeeper.keep, asyncio.Event()

    async def noticed(keeper: AuditKeeper) -> None:
        try:
            await keep(keeper)
        except DatabaseUnavailableError:
            failed.set()
            raise

    monkeypatch.setattr(AuditKeeper, "keep", noticed)
    async with Database(conninfo(tmp_path / "nothing", "cloister"), wait=0.1) as dark:
        supervised = Supervised(dark, tmp_path)
        async with supervised.keeper:
            async with asyncio.timeout(20):
                await failed.wait()
            assert all(not task.done() for task in supervised.keeper._tasks)
    assert supervised.position is None
