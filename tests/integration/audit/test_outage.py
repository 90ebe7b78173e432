"""What happens while the database is down is added afterwards, once, with its own time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from appliance.actors.model import CommandLine, RescueCode
from appliance.audit import outage_notes
from appliance.audit.model import Action, AuditEvent, AuditFilter, ObjectType
from appliance.audit.outage_notes import Note, OutageNotes
from appliance.audit.store import AuditStore
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database, conninfo
from tests.builders.audit import audit_log, verified
from tests.fakes.clock import START, FakeClock

STOP = AuditEvent(Action.UNIT_STOP, ObjectType.UNIT, "ingest", "ingest", {"address": "::1"})
CLI = CommandLine()


def dark(folder: Path) -> Database:
    """Return a database that is not there."""
    return Database(conninfo(folder / "nothing", "cloister"), wait=0.1)


async def note_in_an_outage(folder: Path, clock: FakeClock, count: int) -> None:
    async with dark(folder) as missing:
        for _ in range(count):
            clock.advance(60)
            await audit_log(missing, folder, clock).note(RescueCode(), STOP)


async def test_notes_are_added_with_their_own_time(database: Database, tmp_path: Path) -> None:
    await note_in_an_outage(tmp_path, FakeClock(), 3)
    # Another process, after a crash or a restart, knows no more than the file.
    log = audit_log(database, tmp_path)
    assert await log.add_notes() == 3
    newest, _, oldest = await log.entries(CLI, AuditFilter())
    assert (oldest.actor, oldest.action, oldest.name) == ("rescue code", "unit.stop", "ingest")
    assert oldest.detail == {"address": "::1"}
    assert (oldest.happened_at, newest.happened_at) == (
        START + timedelta(minutes=1),
        START + timedelta(minutes=3),
    )
    assert oldest.at > oldest.time == oldest.happened_at
    assert await log.add_notes() == 0
    assert (await verified(database, tmp_path)).is_whole
    # A time is searched for by when it happened.
    since = AuditFilter(since=START + timedelta(minutes=2), until=START + timedelta(minutes=3))
    assert [entry.happened_at for entry in await log.entries(CLI, since)] == [
        START + timedelta(minutes=2)
    ]


async def test_an_entry_that_is_written_at_once_has_no_other_time(
    database: Database, tmp_path: Path
) -> None:
    log = audit_log(database, tmp_path)
    await log.note(RescueCode(), STOP)
    (entry,) = await log.entries(CLI, AuditFilter())
    assert (entry.happened_at, entry.time) == (None, entry.at)
    assert await OutageNotes(tmp_path).notes() == []


@pytest.mark.parametrize("committed", [0, 2, 4])
async def test_a_crash_between_the_commit_and_the_file_adds_nothing_twice(
    database: Database, tmp_path: Path, committed: int
) -> None:
    await note_in_an_outage(tmp_path, FakeClock(), 4)
    content = (tmp_path / outage_notes.FILE).read_bytes()
    lines = content.splitlines(keepends=True)
    # What a process has committed that ended before it could remove the notes.
    (tmp_path / outage_notes.FILE).write_bytes(b"".join(lines[:committed]))
    await audit_log(database, tmp_path).add_notes()
    (tmp_path / outage_notes.FILE).write_bytes(content)
    log = audit_log(database, tmp_path)
    assert await log.add_notes() == 4
    assert len(await log.entries(CLI, AuditFilter())) == 4
    assert not (tmp_path / outage_notes.FILE).exists()


async def test_a_crash_while_a_note_is_written_costs_no_other(
    database: Database, tmp_path: Path
) -> None:
    await note_in_an_outage(tmp_path, FakeClock(), 2)
    path = tmp_path / outage_notes.FILE
    path.write_bytes(path.read_bytes()[:-20])
    await note_in_an_outage(tmp_path, FakeClock(), 1)
    log = audit_log(database, tmp_path)
    assert await log.add_notes() == 2
    assert len(await log.entries(CLI, AuditFilter())) == 2


async def test_a_line_that_is_no_note_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / outage_notes.FILE).write_bytes(b'{"id": "x"}\n{"id')
    notes = OutageNotes(tmp_path)
    assert [await notes.notes(), await notes.notes()] == [[], []]
    assert caplog.text.count("notes for the audit are damaged: lines=2") == 1
    assert not (tmp_path / outage_notes.FILE).exists()


async def test_a_commit_whose_answer_came_too_late_is_no_second_entry(
    database: Database, tmp_path: Path
) -> None:
    """The process no longer waited for the answer, so it kept a note as well."""
    note = Note(uuid4(), START, CLI.name, STOP)
    async with database.connection() as connection:
        await AuditStore(connection).add_note(note.actor, note.event, note.id, None)
    await OutageNotes(tmp_path).keep(note)
    log = audit_log(database, tmp_path)
    await log.add_notes()
    (entry,) = await log.entries(CLI, AuditFilter())
    assert (entry.note_id, entry.happened_at) == (note.id, None)


async def test_while_the_database_is_down_the_notes_stay(tmp_path: Path) -> None:
    await note_in_an_outage(tmp_path, FakeClock(), 2)
    async with dark(tmp_path) as missing:
        with pytest.raises(DatabaseUnavailableError):
            await audit_log(missing, tmp_path).add_notes()
    assert len(await OutageNotes(tmp_path).notes()) == 2


async def test_a_full_file_says_from_when_on_entries_are_missing(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outage_notes, "MOST_BYTES", 5_000)
    await note_in_an_outage(tmp_path, FakeClock(), 9)
    assert (tmp_path / outage_notes.FILE).stat().st_size < 5_000
    assert "audit not written: actor='rescue code' action=unit.stop" in caplog.text
    log = audit_log(database, tmp_path)
    kept = await log.add_notes()
    assert 2 < kept < 9
    newest = (await log.entries(CLI, AuditFilter()))[0]
    assert (newest.actor, newest.action) == ("the appliance", "audit.gap")
    assert newest.happened_at == START + timedelta(minutes=kept)
    # There is room again.
    await note_in_an_outage(tmp_path, FakeClock(), 1)
    assert await log.add_notes() == 1


async def test_notes_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    async with dark(tmp_path) as missing:
        log = audit_log(missing, tmp_path)
        await asyncio.gather(*(log.note(RescueCode(), STOP) for _ in range(20)))
    assert len(await OutageNotes(tmp_path).notes()) == 20


async def test_a_note_that_postgresql_cannot_store_stops_no_other(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with dark(tmp_path) as missing:
        log = audit_log(missing, tmp_path)
        await log.note(CLI, AuditEvent(Action.UNIT_STOP, ObjectType.UNIT, "a\0b"))
        await log.note(CLI, STOP)
    log = audit_log(database, tmp_path)
    assert await log.add_notes() == 2
    assert [entry.name for entry in await log.entries(CLI, AuditFilter())] == ["ingest"]
    assert "audit not written" in caplog.text
