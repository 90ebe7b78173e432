"""Writing and reading the audit, against the real database."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from pathlib import Path
from uuid import uuid4

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine, RescueCode, System
from appliance.audit.model import Action, AuditEvent, AuditFilter, ObjectType
from appliance.audit.service import record
from appliance.core.errors import ApplianceError
from appliance.db.pool import Database, conninfo
from tests.builders.audit import add_rows, audit_log, audited, tampering

BOB = AuditEvent(Action.PERSON_LOCK, ObjectType.PERSON, str(uuid4()), "bob")
CLI = CommandLine()


async def test_an_act_that_is_rolled_back_is_not_in_the_audit(
    database: Database, olga: Account
) -> None:
    async def fail_after_recording() -> None:
        async with database.transaction() as connection:
            await record(connection, olga, BOB)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_recording()
    assert await audited(database) == []


async def test_every_row_has_its_object_s_kind_id_and_name(
    database: Database, tmp_path: Path
) -> None:
    log = audit_log(database, tmp_path)
    await log.note(CLI, BOB)
    detail = {"address": "192.0.2.1"}
    await log.note(
        RescueCode(), AuditEvent(Action.RESCUE_CODE_USE, ObjectType.RESCUE_CODE, detail=detail)
    )
    newest, oldest = await log.entries(CLI, AuditFilter())
    assert (oldest.actor, oldest.action, oldest.name) == ("command line", "person.lock", "bob")
    assert (oldest.object_type, oldest.object_id) == ("person", BOB.object_id)
    assert (newest.actor, newest.name, newest.facts) == ("rescue code", "", "address: 192.0.2.1")


async def test_the_chat_servers_may_add_rows_and_read_none(
    chat_database: Database, database: Database, alice: Account
) -> None:
    async with chat_database.transaction() as connection:
        await record(connection, alice, BOB)
    assert await audited(database) == [("alice", "person.lock", "bob")]


async def test_what_can_be_kept_nowhere_is_in_the_log_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(conninfo(tmp_path, "cloister"), wait=0.2) as dark:
        await audit_log(dark, tmp_path / "no" / "home").note(System(), BOB)
    assert "audit not written: actor='the appliance' action=person.lock object='bob'" in caplog.text


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (AuditFilter(), 21),
        (AuditFilter(actor="command line"), 1),
        (AuditFilter(action="unit"), 10),
        (AuditFilter(action="unit.restart"), 10),
        (AuditFilter(action="uni"), 0),
        (AuditFilter(object_type="person"), 11),
        (AuditFilter(object_type="unit", object_id="4"), 1),
        (AuditFilter(text="OBJECT 1"), 11),
        (AuditFilter(text="%"), 0),
        (AuditFilter(text="192.0.2"), 1),
    ],
)
async def test_filters(database: Database, chosen: AuditFilter, count: int, tmp_path: Path) -> None:
    log = audit_log(database, tmp_path)
    await add_rows(database, 20)
    detail = {"address": "192.0.2.1"}
    await log.note(CLI, AuditEvent(Action.PERSON_ADD, ObjectType.PERSON, detail=detail))
    assert len(await log.entries(CLI, chosen)) == count


async def test_a_time_includes_its_beginning_and_not_its_end(
    database: Database, tmp_path: Path
) -> None:
    log = audit_log(database, tmp_path)
    await add_rows(database, 10)
    moment = (await log.entries(CLI, AuditFilter()))[4].at
    assert len(await log.entries(CLI, AuditFilter(since=moment))) == 5
    assert len(await log.entries(CLI, AuditFilter(until=moment))) == 5
    between = AuditFilter(since=moment, until=moment + timedelta(seconds=1))
    assert len(await log.entries(CLI, between)) == 1


async def test_pages_do_not_move_while_rows_are_added(database: Database, tmp_path: Path) -> None:
    log = audit_log(database, tmp_path)
    await add_rows(database, 7)
    first = await log.entries(CLI, AuditFilter(), limit=4)
    await add_rows(database, 5)
    second = await log.entries(CLI, AuditFilter(), before=first[-1].id, limit=4)
    ids = [entry.id for entry in first + second]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 7


async def test_an_export_has_every_row_once_in_pieces_that_fit_into_memory(
    database: Database, tmp_path: Path
) -> None:
    await add_rows(database, 1_200)
    pieces = [piece async for piece in audit_log(database, tmp_path).export(CLI, AuditFilter())]
    assert max(map(len, pieces)) <= 500
    ids = [entry.id for piece in pieces for entry in piece]
    assert len(ids) == len(set(ids)) == 1_200


async def test_the_names_to_choose_from_are_those_that_are_there(
    database: Database, tmp_path: Path
) -> None:
    log = audit_log(database, tmp_path)
    assert await log.actors(CLI) == []
    for actor in ("olga", "bob", "olga"):
        await add_rows(database, 3, actor)
    assert await log.actors(CLI) == ["bob", "olga"]


@pytest.mark.parametrize("actor", [RescueCode(), System()])
async def test_the_audit_is_for_operators_and_the_command_line(
    database: Database, actor: RescueCode | System, alice: Account, olga: Account, tmp_path: Path
) -> None:
    log = audit_log(database, tmp_path)
    for refused in (actor, alice):
        with pytest.raises(ApplianceError):
            await log.entries(refused, AuditFilter())
        with pytest.raises(ApplianceError):
            await log.actors(refused)
        with pytest.raises(ApplianceError):
            await anext(log.export(refused, AuditFilter()))
    assert await log.entries(olga, AuditFilter()) == []


async def test_rows_of_the_version_before_stay_readable(database: Database, tmp_path: Path) -> None:
    """The migration tells the kind from the action, and the id where the object was one."""
    migration = resources.files("appliance.db").joinpath("migrations/0004_pre_audited_objects.sql")
    update = "UPDATE" + migration.read_text().partition("UPDATE")[2].partition(";")[0]
    number = str(uuid4())
    rows = [
        ("command line", "person.lock", "bob"),
        ("olga", "machine.claim", "olga"),
        ("alice", "document.add", number),
        ("olga", "document.retry_failed", "3"),
        ("rescue", "rescue.open", "192.0.2.1"),
        ("olga", "unit.stop", "postgres"),
    ]
    async with database.connection() as connection:
        for row in rows:
            await connection.execute(
                "INSERT INTO core.audit (actor, action, object) VALUES (%s, %s, %s)", row
            )
    async with tampering(database) as connection:
        await connection.execute(update.encode())
    entries = await audit_log(database, tmp_path).entries(CLI, AuditFilter())
    assert [(entry.object_type, entry.object_id, entry.name) for entry in reversed(entries)] == [
        ("person", "", "bob"),
        ("person", "", "olga"),
        ("document", number, number),
        ("document", "", "3"),
        ("rescue_code", "", "192.0.2.1"),
        ("unit", "postgres", "postgres"),
    ]
