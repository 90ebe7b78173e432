"""A restore of everything builds the new state beside the present one, then exchanges the two."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege

from appliance.actors.model import CommandLine
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.core.settings import Settings
from appliance.db import migrate
from appliance.db.migrate import migrations
from appliance.db.pool import Database
from appliance.library.blobs import UNCONFIRMED
from appliance.operations.errors import OperationError
from appliance.restore import room
from appliance.restore.errors import RestoreSpaceError
from appliance.units.exchange import Places, RestoreState
from tests.builders.audit import audit_log, verified
from tests.builders.restores import (
    Machine,
    hand_over,
    restored_database,
    rows_at,
    run_operation,
    served,
    settings_in,
    sums_at,
)
from tests.postgres import running_server, scratch_folder

pytestmark = pytest.mark.timeout(240)

# Jobs and invitations end with a restore; the rest is what it was.
_ENDED = {"core.job", "core.invitation"}
RESTORED = AuditEvent(Action.RESTORE_CONFIRM, ObjectType.SET)


def give_key(machine: Machine, other: Settings) -> None:
    """Give another machine the key of the first one."""
    other.state.mkdir(exist_ok=True)
    shutil.copy(machine.settings.state / "backup.key", other.state)
    hand_over(other.home)


def restore(machine: Machine, other: Settings, **request: object) -> dict[str, object]:
    """Restore the repository of a machine on another one."""
    wanted = {"work": "restore", "address": str(machine.settings.repository), **request}
    return run_operation(other, "restore", wanted)


async def test_an_empty_machine_becomes_the_one_that_was_saved(
    machine: Machine, empty_machine: Settings
) -> None:
    digests = machine.add_documents(3)
    machine.add_chunks(digests[0], 30)
    machine.add_person("alice")
    machine.execute("UPDATE library.document SET state = 'failed', error_code = 'x'")
    machine.execute(
        "UPDATE library.document SET state = 'ready', error_code = NULL WHERE digest = %s",
        digests[0],
    )
    machine.run("set")
    give_key(machine, empty_machine)

    found = restore(machine, empty_machine)

    assert found["documents_added"] == 3
    assert Places(empty_machine.database).state() is RestoreState.READY
    expected = machine.sums()
    with restored_database(empty_machine) as address:
        restored = sums_at(address)
    assert {name for name in expected if restored[name] != expected[name]} <= _ENDED
    assert Places(empty_machine.database).state() is RestoreState.NONE
    for digest in digests:
        assert (empty_machine.documents / digest[:2] / digest).is_file()


async def test_the_newest_state_is_the_hot_snapshot_with_the_passages_of_the_set(
    machine: Machine, empty_machine: Settings
) -> None:
    kept, deleted = machine.add_documents(2)
    for digest in (kept, deleted):
        machine.add_chunks(digest, 25)
    machine.execute("UPDATE library.document SET state = 'ready', chunk_count = 25, page_count = 1")
    machine.run("set")
    (new,) = machine.add_documents(1)
    machine.add_chunks(new, 10)
    machine.execute(
        "UPDATE library.document SET state = 'ready', chunk_count = 10, page_count = 1"
        " WHERE digest = %s",
        new,
    )
    machine.execute("DELETE FROM library.document WHERE digest = %s", deleted)
    machine.add_person("bob")
    machine.run("hot")
    give_key(machine, empty_machine)

    found = restore(machine, empty_machine, snapshot="newest")

    assert found["derived_from"] is not None
    assert found["queued"] == 1
    expected = machine.sums()
    chunks = "SELECT count(*) FROM library.chunk c JOIN library.document d ON d.id = c.document_id"
    with restored_database(empty_machine) as address:
        restored = sums_at(address)
        states = dict(rows_at(address, "SELECT digest, state FROM library.document"))
        assert states == {kept: "ready", new: "queued"}
        assert rows_at(address, f"{chunks} WHERE digest = '{kept}'") == [(25,)]
        assert rows_at(address, "SELECT count(*) FROM library.embedding") == [(25,)]
        words = "SELECT sum(chunks) FROM library.term"
        counted = "SELECT count(*) FROM library.chunk, unnest(words)"
        assert rows_at(address, words) == rows_at(address, counted)
        assert rows_at(address, "SELECT sum(chunks) FROM library.collection_language") == [(25,)]
    for name in ("core.account", "core.setting", "chat.conversation", "chat.message"):
        assert restored[name] == expected[name], name


async def test_a_machine_with_data_can_return_to_it(machine: Machine) -> None:
    settings = machine.settings
    machine.add_person("alice")
    machine.run("set")
    # The present state of this machine, as an earlier restore has made it.
    machine.run("restore", what="everything")
    Places(settings.database).put_in_place()
    assert Places(settings.database).state() is RestoreState.NONE
    machine.add_person("bob")
    machine.run("set")
    machine.run("restore", what="everything")

    def people() -> set[str]:
        with served(settings.database) as address:
            return {row[0] for row in rows_at(address, "SELECT name FROM core.account")}

    assert people() == {"alice"}
    assert Places(settings.database).put_in_place()
    assert people() == {"alice", "bob"}
    assert machine.run("restore", work="status")["state"] == RestoreState.UNCONFIRMED
    assert (settings.documents / UNCONFIRMED).exists()
    with pytest.raises(OperationError) as caught:
        machine.run("restore", what="everything")
    assert caught.value.result.code == "restore_unconfirmed"

    machine.run("restore", work="undo")
    Places(settings.database).put_in_place()
    assert people() == {"alice"}
    machine.run("restore", work="undo")
    Places(settings.database).put_in_place()
    assert people() == {"alice", "bob"}
    assert machine.run("restore", work="confirm")["state"] == RestoreState.NONE
    assert not Places(settings.database).previous.exists()
    assert not (settings.documents / UNCONFIRMED).exists()
    with pytest.raises(OperationError) as again:
        machine.run("restore", work="undo")
    assert again.value.result.code == "nothing_to_undo"


async def test_what_was_ended_since_stays_ended(machine: Machine) -> None:
    alice, bob = machine.add_person("alice"), machine.add_person("bob")
    keys = "INSERT INTO core.api_key (account_id, name, prefix, digest, scopes, expires_at)"
    for name in ("kept", "ended"):
        machine.execute(
            f"{keys} VALUES (%s, %s, 'p', sha256(%s), '{{chat}}', now() + interval '1 day')",
            *(alice, name, name.encode()),
        )
    machine.run("set")
    machine.execute("DELETE FROM core.api_key WHERE name = 'ended'")
    machine.execute("UPDATE core.account SET locked_at = now() WHERE id = %s", bob)

    previewed = machine.run("restore", work="preview")
    assert previewed["keys_stay_ended"]
    assert previewed["then"]["people"] == 2
    assert previewed["gone"]["people"] == 0
    found = machine.run("restore", what="everything")

    assert found["keys_ended"] == 1
    with restored_database(machine.settings) as address:
        assert rows_at(address, "SELECT name FROM core.api_key") == [("kept",)]
        locked = "SELECT name FROM core.account WHERE locked_at IS NOT NULL"
        assert rows_at(address, locked) == [("bob",)]


async def test_a_preview_counts_what_would_be_gone_and_changes_nothing(machine: Machine) -> None:
    machine.add_documents(2)
    machine.run("set")
    machine.add_documents(3)
    machine.add_person("late")
    found = machine.run("restore", work="preview")
    assert found["gone"]["documents"] == 3
    assert found["gone"]["people"] == 1
    assert found["now"]["documents"] == 5
    assert found["documents_to_add"] == 0
    assert found["room"] > 0
    assert not Places(machine.settings.database).restored.exists()


async def test_the_audit_of_a_restored_state_is_whole_and_goes_on(
    machine: Machine, tmp_path: Path
) -> None:
    add = "INSERT INTO core.audit (actor, action) SELECT 'olga', 'p.q' FROM generate_series(1, %s)"
    machine.execute(add, 40)
    saved = rows_at(machine.owner, "SELECT count(*), max(position) FROM core.audit_link")
    machine.run("set")
    machine.execute(add, 5)
    machine.run("restore", what="everything")
    with restored_database(machine.settings) as address:
        assert rows_at(address, "SELECT count(*), max(position) FROM core.audit_link") == saved
        async with Database(address) as database:
            assert (await verified(database, tmp_path)).is_whole
            await audit_log(database, tmp_path).note(CommandLine(), RESTORED)
            report = await verified(database, tmp_path)
        assert (report.is_whole, report.last_position) == (True, saved[0][1] + 1)
        with pytest.raises(InsufficientPrivilege):
            rows_at(address, "DELETE FROM core.audit")
    # The database of the restored state is another one, so that its chain has its own anchor.
    identity = "SELECT system_identifier FROM pg_control_system()"
    with served(machine.settings.database) as address:
        assert rows_at(address, identity) != rows_at(machine.owner, identity)


async def test_a_set_of_a_later_schema_is_refused_by_the_version_that_can_read_it(
    machine: Machine,
) -> None:
    later = len(migrations()) + 1
    machine.execute("INSERT INTO public.migration VALUES (%s, 'later')", later)
    try:
        snapshot = machine.run("set")["snapshot"]
        for operation, request in (("restore", {"what": "everything"}), ("drill", {})):
            with pytest.raises(OperationError) as caught:
                machine.run(operation, snapshot=snapshot, **request)
            assert caught.value.result.code == "set_schema_too_new"
            assert str(caught.value.result.facts["version"]) in caught.value.advice
        assert not Places(machine.settings.database).restored.exists()
    finally:
        machine.execute("DELETE FROM public.migration WHERE number = %s", later)


async def test_a_set_of_an_older_schema_is_brought_forward(
    monkeypatch: pytest.MonkeyPatch, empty_machine: Settings, tmp_path: Path
) -> None:
    known = migrations()
    with scratch_folder("cloister-older-") as folder, running_server(folder) as server:
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "migrations", lambda: known[:-2])
            await server.make_database()
        settings = settings_in(folder / "home")
        settings.database_socket.symlink_to(server.socket)
        hand_over(folder / "home")
        older = Machine(settings, server)
        older.add_person("alice")
        older.execute("INSERT INTO core.audit (actor, action) VALUES ('alice', 'document.add')")
        older.run("set")
        give_key(older, empty_machine)
        found = restore(older, empty_machine)
    with restored_database(empty_machine) as address:
        assert rows_at(address, "SELECT name FROM core.account") == [("alice",)]
        newest = "SELECT max(number) FROM public.migration"
        assert rows_at(address, newest) == [(len(known),)]
        async with Database(address) as database:
            report = await verified(database, tmp_path)
        assert (report.is_whole, report.entries) == (True, 1)
    assert found["queued"] == 0


def test_a_full_disk_in_the_middle_changes_nothing(machine: Machine) -> None:
    digest = machine.add_documents(1, size=3_000_000)[0]
    machine.add_chunks(digest, 50)
    machine.run("set")
    machine.path_of(digest).unlink()

    with pytest.raises(OperationError) as caught:
        run_operation(machine.settings, "restore", {"what": "everything"}, largest_file=1_000_000)

    assert caught.value.result.code not in {"internal", ""}
    places = Places(machine.settings.database)
    assert places.state() is RestoreState.NONE
    assert not places.restored.exists()
    assert not places.fetched.exists()
    assert not (machine.settings.documents / UNCONFIRMED).exists()
    assert machine.run("restore", what="everything")["documents_added"] == 1


def test_too_little_room_is_said_before_anything_is_written(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_in", lambda _: 1000)
    with pytest.raises(RestoreSpaceError) as caught:
        room.require_room(Path("/"), room.needed_for(10_000_000, 0))
    assert "needed" in str(caught.value)
