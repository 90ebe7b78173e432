"""People take turns in the reading queue, whatever one of them uploads."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.ingest.extract.page import DocumentEnd, DocumentFacts, ExtractedPage, Record
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import Format
from appliance.ingest.indexer import Indexer
from appliance.ingest.store import IngestStore
from appliance.library.model import DocumentState
from appliance.library.queue import QueueService
from tests.builders.library import Shelf, running, worker
from tests.builders.queue import add_document


async def _order(ingest_database: Database) -> list[str]:
    """Lease every document in turn, and finish it before the next; return their names."""
    names: list[str] = []
    while True:
        async with ingest_database.connection() as connection:
            lease = await IngestStore(connection).lease("reader")
            if lease is None:
                return names
            await connection.execute(
                "UPDATE library.document SET state = 'ready' WHERE id = %s", (lease.id,)
            )
        names.append(lease.file_name)


async def test_one_note_is_read_next_although_another_person_has_queued_hundreds(
    database: Database, ingest_database: Database, alice: Account, bob: Account
) -> None:
    for number in range(400):
        await add_document(database, f"alice {number}", uploaded_by=alice)
    await add_document(database, "bob", uploaded_by=bob)
    order = await _order(ingest_database)
    assert order.index("bob") <= 1
    assert [name for name in order if name != "bob"] == [f"alice {n}" for n in range(400)]


async def test_everybody_with_a_queue_gets_every_other_turn(
    database: Database,
    ingest_database: Database,
    alice: Account,
    bob: Account,
    olga: Account,
) -> None:
    for person in (alice, bob, olga):
        for number in range(3):
            await add_document(database, f"{person.name} {number}", uploaded_by=person)
    order = [name.split()[0] for name in await _order(ingest_database)]
    for round_ in range(3):
        assert sorted(order[round_ * 3 : round_ * 3 + 3]) == ["alice", "bob", "olga"]


async def test_a_person_who_comes_back_again_and_again_does_not_overtake_the_others(
    database: Database, ingest_database: Database, alice: Account, bob: Account
) -> None:
    """Each note comes when the last one is read, so its person never has two in the queue."""
    for number in range(10):
        await add_document(database, f"alice {number}", uploaded_by=alice)
    order: list[str] = []
    for number in range(10):
        await add_document(database, f"bob {number}", uploaded_by=bob)
        for _ in range(2):
            async with ingest_database.connection() as connection:
                lease = await IngestStore(connection).lease("reader")
                assert lease is not None
                await connection.execute(
                    "UPDATE library.document SET state = 'ready' WHERE id = %s", (lease.id,)
                )
            order.append(lease.file_name.split()[0])
    assert order.count("alice") == order.count("bob") == 10


async def test_private_and_shared_documents_of_a_person_share_their_turns(
    database: Database, ingest_database: Database, alice: Account, bob: Account
) -> None:
    for number in range(3):
        await add_document(database, f"shared {number}", uploaded_by=alice)
        await add_document(database, f"private {number}", owner=alice)
    await add_document(database, "bob", uploaded_by=bob)
    assert (await _order(ingest_database)).index("bob") <= 1


async def test_documents_that_are_queued_again_take_turns_as_well(
    library: Shelf, database: Database, ingest_database: Database, alice: Account, bob: Account
) -> None:
    failed = [
        await add_document(database, f"alice {number}", state="failed", uploaded_by=alice)
        for number in range(5)
    ]
    for document in failed:
        await library.service.retry(alice, document)
    await add_document(database, "bob", uploaded_by=bob)
    order = await _order(ingest_database)
    assert order.index("bob") <= 1
    assert len(order) == 6


async def test_a_document_that_returns_to_the_queue_keeps_its_turn(
    database: Database, ingest_database: Database, alice: Account
) -> None:
    for number in range(3):
        await add_document(database, f"{number}", uploaded_by=alice)
    async with ingest_database.connection() as connection:
        store = IngestStore(connection)
        lease = await store.lease("reader")
        assert lease is not None
        await store.release(lease.id, "reader")
    assert await _order(ingest_database) == ["0", "1", "2"]


async def test_the_operator_sees_the_queue_in_its_order(
    database: Database, ingest_database: Database, alice: Account, bob: Account
) -> None:
    for number in range(5):
        await add_document(database, f"alice {number}", uploaded_by=alice)
    await add_document(database, "bob", uploaded_by=bob)
    shown = [row.file_name for row in await QueueService(database).queue(DocumentState.QUEUED)]
    assert shown == await _order(ingest_database)


async def test_the_turn_is_found_in_an_index(database: Database, alice: Account) -> None:
    for number in range(3):
        await add_document(database, f"{number}", uploaded_by=alice)
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor = await connection.execute(
            "EXPLAIN SELECT id FROM library.document WHERE state = 'queued'"
            " ORDER BY turn, created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        plan = "\n".join(row[0] for row in await cursor.fetchall())
    assert "Index Scan using document_queue" in plan


async def test_a_waiting_note_is_read_while_another_person_s_queue_is_long(
    library: Shelf, ingest_database: Database, alice: Account, bob: Account
) -> None:
    read: list[str] = []

    async def listed(
        path: Path, wanted: Format, limits: ParserLimits
    ) -> AsyncGenerator[Record, None]:
        del wanted, limits
        read.append(path.read_text())
        yield DocumentFacts()
        yield Indexer(None).index(ExtractedPage(1, path.read_text()))
        yield DocumentEnd("simple")

    for number in range(30):
        await library.upload(alice, f"{number}.txt", f"alice {number}")
    note = await library.upload(bob, "note.txt", "bob")
    async with running(worker(ingest_database, library.blobs, reads=listed)):
        await library.finished(bob, note.document.id)
    assert read.index("bob") <= 2
