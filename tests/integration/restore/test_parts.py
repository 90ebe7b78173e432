"""A part of a set goes into the running database, which keeps all that it has."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from appliance.library.blobs import UNCONFIRMED
from appliance.operations.errors import OperationError
from appliance.units.exchange import Places
from tests.builders.restores import Machine

pytestmark = pytest.mark.timeout(240)


def converse(machine: Machine, person: UUID, digest: str, text: str) -> UUID:
    """Add a conversation with a question, an answer and a citation."""
    conversation, question, answer = uuid4(), uuid4(), uuid4()
    machine.execute(
        "INSERT INTO chat.conversation (id, account_id, title) VALUES (%s, %s, %s)",
        *(conversation, person, text),
    )
    machine.execute(
        "INSERT INTO chat.message (id, conversation_id, ordinal, author, state, text, worker, kind)"
        " VALUES (%s, %s, 1, 'person', 'complete', %s, NULL, NULL),"
        " (%s, %s, 2, 'cloister', 'complete', 'Because of the bearing. [1]', 1, 'generated')",
        *(question, conversation, text, answer, conversation),
    )
    machine.execute(
        "INSERT INTO chat.citation (message_id, number, document_id, file_name, page, start_at,"
        " end_at) SELECT %s, 1, id, file_name, 1, 0, 4 FROM library.document WHERE digest = %s",
        *(answer, digest),
    )
    return conversation


def test_documents_that_are_missing_come_back_and_are_read_again(machine: Machine) -> None:
    kept = machine.add_document(b"kept", "kept.txt")
    lost = machine.add_document(b"lost", "lost.txt")
    machine.add_chunks(lost, 5)
    machine.run("set")
    machine.execute("DELETE FROM library.document WHERE digest = %s", lost)
    machine.path_of(lost).unlink()
    late = machine.add_document(b"late", "late.txt")

    found = machine.run("restore", what="documents", snapshot="newest")

    assert (found["documents"], found["files"], found["present"]) == (1, 1, 1)
    states = dict(machine.execute("SELECT digest, state FROM library.document"))
    assert states == {kept: "queued", lost: "queued", late: "queued"}
    assert machine.path_of(lost).read_bytes() == b"lost"
    assert not (machine.settings.documents / UNCONFIRMED).exists()
    assert not Places(machine.settings.database).fetched.exists()
    assert machine.run("restore", what="documents")["documents"] == 0


def test_one_document_by_its_name(machine: Machine) -> None:
    digests = [machine.add_document(text.encode(), f"{text}.txt") for text in ("one", "two")]
    machine.run("set")
    machine.execute("DELETE FROM library.document")
    found = machine.run("restore", what="document", subject="two.txt")
    assert found["documents"] == 1
    assert machine.execute("SELECT digest FROM library.document") == [(digests[1],)]
    with pytest.raises(OperationError) as caught:
        machine.run("restore", what="document", subject="three.txt")
    assert caught.value.result.code == "restore_subject_missing"


def test_one_persons_conversations(machine: Machine) -> None:
    digest = machine.add_document(b"pump", "pump.txt")
    alice, bob = machine.add_person("alice"), machine.add_person("bob")
    lost = converse(machine, alice, digest, "Why did it fail?")
    gone = converse(machine, bob, digest, "When?")
    machine.run("set")
    machine.execute("DELETE FROM chat.conversation")
    machine.execute("DELETE FROM library.document")
    late = converse(machine, alice, digest, "And now?")

    found = machine.run("restore", what="conversations", subject="Alice")

    assert (found["conversations"], found["messages"]) == (1, 2)
    there = {row[0] for row in machine.execute("SELECT id FROM chat.conversation")}
    assert there == {lost, late}
    assert gone not in there
    texts = "SELECT text FROM chat.message WHERE conversation_id = %s ORDER BY ordinal"
    assert [row[0] for row in machine.execute(texts, lost)] == [
        "Why did it fail?",
        "Because of the bearing. [1]",
    ]
    # The document is gone, and its citation still says what it was called.
    cited = "SELECT document_id, file_name FROM chat.citation"
    assert machine.execute(cited) == [(None, "pump.txt")]
    machine.execute("DELETE FROM core.account WHERE name = 'bob'")
    with pytest.raises(OperationError) as caught:
        machine.run("restore", what="conversations", subject="bob")
    assert caught.value.result.code == "restore_person_gone"


def test_settings_are_as_they_were_and_files_wait_for_root(machine: Machine) -> None:
    machine.settings.tls.mkdir()
    (machine.settings.tls / "key.pem").write_text("private")
    machine.execute("INSERT INTO core.setting VALUES ('chat_model', '\"before\"')")
    machine.execute("INSERT INTO core.setting VALUES ('job_days', 'null', 'olga', now())")
    machine.run("set")
    machine.execute("UPDATE core.setting SET value = '\"after\"'")
    found = machine.run("restore", what="configuration")
    assert found["files"] == ["tls/key.pem"]
    rows = machine.execute("SELECT value, changed_by FROM core.setting ORDER BY name")
    assert rows == [("before", None), (None, "olga")]
    waiting = Places(machine.settings.database).files / "tls" / "key.pem"
    assert waiting.read_text() == "private"


def test_a_part_needs_the_running_database(machine: Machine) -> None:
    machine.add_documents(1)
    machine.run("set")
    machine.settings.database_socket.unlink()
    with pytest.raises(OperationError) as caught:
        machine.run("restore", what="documents")
    assert caught.value.result.code == "restore_needs_database"
