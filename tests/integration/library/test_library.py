"""Who sees which documents, who may delete them, and what a deletion takes along."""

from __future__ import annotations

from uuid import uuid4

import pytest

from appliance.accounts.model import Account
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.library.errors import NothingToRetryError, NotYourDocumentError
from appliance.library.model import DocumentState
from appliance.library.orphans import sweep
from tests.builders.audit import audited
from tests.builders.library import Shelf, counted_terms, running, true_terms, worker

TEXT = "The pump was inspected in March. The valve is due in May."


async def test_everybody_has_the_shared_library_and_their_own_collection(
    library: Shelf, alice: Account, bob: Account
) -> None:
    for person in (alice, bob, alice):
        found = await library.service.collections(person)
        assert [(one.name, one.owner_id) for one in found] == [
            ("My documents", person.id),
            ("Shared library", None),
        ]


async def test_a_collection_is_found_by_name_and_by_id(library: Shelf, alice: Account) -> None:
    by_name = await library.service.collection(alice, "Shared library")
    assert await library.service.collection(alice, str(by_name.id)) == by_name
    with pytest.raises(NotFoundError):
        await library.service.collection(alice, "Nowhere")


async def test_a_private_document_exists_for_its_owner_alone(
    library: Shelf, alice: Account, bob: Account, olga: Account
) -> None:
    private = (await library.upload(alice, "a.txt", TEXT, await library.own(alice))).document
    assert [one.id for one in await library.service.documents(alice)] == [private.id]
    for other in (bob, olga):
        assert await library.service.documents(other) == []
        assert await library.service.count(other) == 0
        assert await library.service.ledger(other, private.id) == []
        for attempt in (
            library.service.document(other, private.id),
            library.service.page(other, private.id, 1),
            library.original(other, private.id),
            library.service.delete(other, private.id),
            library.service.retry(other, private.id),
        ):
            with pytest.raises(NotFoundError):
                await attempt
    assert await library.service.count(alice) == 1


async def test_a_shared_document_is_read_by_all_and_deleted_by_its_uploader_or_an_operator(
    library: Shelf, alice: Account, bob: Account, olga: Account
) -> None:
    for deleter in (alice, olga):
        shared = (await library.upload(alice, "a.txt", TEXT)).document
        assert not (await library.service.document(bob, shared.id)).may_change
        with pytest.raises(NotYourDocumentError):
            await library.service.delete(bob, shared.id)
        await library.service.delete(deleter, shared.id)
        with pytest.raises(NotFoundError):
            await library.service.document(alice, shared.id)
        assert library.files() == []


async def test_the_file_stays_while_another_document_uses_it(
    library: Shelf, alice: Account
) -> None:
    shared = (await library.upload(alice, "a.txt", TEXT)).document
    private = (await library.upload(alice, "a.txt", TEXT, await library.own(alice))).document
    await library.service.delete(alice, shared.id)
    assert library.files() == [shared.digest]
    await library.service.delete(alice, private.id)
    assert library.files() == []


async def test_a_deletion_takes_pages_chunks_and_counted_words_along(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    first = (await library.upload(alice, "pump.txt", TEXT)).document
    second = (await library.upload(alice, "valve.txt", "The valve is made of brass.")).document
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, first.id, second.id)
    assert await counted_terms(database) == await true_terms(database) != {}
    await library.service.delete(alice, first.id)
    assert await counted_terms(database) == await true_terms(database) != {}
    await library.service.delete(alice, second.id)
    assert await counted_terms(database) == {}


async def test_pages_are_read_one_after_the_other(
    library: Shelf, alice: Account, bob: Account, ingest_database: Database
) -> None:
    long = "\n\n".join(f"Paragraph {number}. {TEXT}" for number in range(150))
    document = (await library.upload(alice, "long.txt", long)).document
    async with running(worker(ingest_database, library.blobs)):
        [document] = await library.finished(alice, document.id)
    ledger = await library.service.ledger(bob, document.id)
    assert len(ledger) == document.page_count == document.pages_done > 1
    first = await library.service.page(bob, document.id, 1)
    assert first.text.startswith("Paragraph 0.")
    assert (first.previous, first.next) == (None, 2)
    assert ledger[0].characters == len(first.text)
    last = await library.service.page(bob, document.id, len(ledger))
    assert (last.previous, last.next) == (len(ledger) - 1, None)
    with pytest.raises(NotFoundError):
        await library.service.page(bob, document.id, len(ledger) + 1)


async def test_only_a_broken_document_can_be_retried(
    library: Shelf, alice: Account, bob: Account, database: Database
) -> None:
    document = (await library.upload(alice, "a.txt", TEXT)).document
    with pytest.raises(NothingToRetryError):
        await library.service.retry(alice, document.id)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET state = 'quarantined', error_code = 'x', attempts = 3"
        )
    with pytest.raises(NotYourDocumentError):
        await library.service.retry(bob, document.id)
    retried = await library.service.retry(alice, document.id)
    assert (retried.state, retried.fault) == (DocumentState.QUEUED, None)


async def test_what_is_done_with_documents_is_recorded_by_number_and_never_by_name(
    library: Shelf, alice: Account, olga: Account, database: Database
) -> None:
    shared = (await library.upload(alice, "salaries.txt", TEXT)).document
    private = (await library.upload(alice, "diary.txt", "Mine.", await library.own(alice))).document
    await library.upload(alice, "salaries again.txt", TEXT)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET state = 'quarantined', error_code = 'x'"
        )
    await library.service.retry(olga, shared.id)
    with pytest.raises(NothingToRetryError):
        await library.service.retry(olga, shared.id)
    await library.service.delete(olga, shared.id)
    await library.service.delete(alice, private.id)
    assert await audited(database) == [
        ("alice", "document.add", str(shared.id)),
        ("alice", "document.add", str(private.id)),
        ("olga", "document.retry", str(shared.id)),
        ("olga", "document.delete", str(shared.id)),
        ("alice", "document.delete", str(private.id)),
    ]


async def test_the_original_is_what_was_uploaded(
    library: Shelf, alice: Account, bob: Account
) -> None:
    document = (await library.upload(alice, "a.txt", TEXT)).document
    async with library.service.original(bob, document.id) as original:
        assert (original.file_name, original.size) == ("a.txt", len(TEXT))
        assert b"".join([piece async for piece in original.pieces]) == TEXT.encode()


async def test_nothing_is_found_under_a_number_that_was_never_given(
    library: Shelf, alice: Account
) -> None:
    with pytest.raises(NotFoundError):
        await library.service.document(alice, uuid4())


async def test_a_person_who_is_removed_takes_their_own_documents_along(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    shared = (await library.upload(alice, "pump.txt", TEXT)).document
    private = (await library.upload(alice, "own.txt", "Mine.", await library.own(alice))).document
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, shared.id, private.id)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM core.account WHERE id = %s", (alice.id,))
    assert await counted_terms(database) == await true_terms(database) != {}
    await sweep(ingest_database, library.blobs)
    assert library.files() == [shared.digest]
