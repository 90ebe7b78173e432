"""The queue: each document is read once, whoever dies, and nobody waits for a bad one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.core.variables import GIBIBYTE
from appliance.db.pool import Database
from appliance.ingest import worker as working
from appliance.ingest.errors import ParserCrashedError
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.page import (
    DocumentEnd,
    DocumentFacts,
    ExtractedPage,
    IndexedPage,
    Record,
)
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import Format
from appliance.ingest.indexer import Indexer
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.model import DocumentState
from appliance.library.queue import QueueService
from tests.builders.library import (
    Shelf,
    counted_terms,
    running,
    search,
    true_terms,
    until,
    worker,
)

Items = AsyncGenerator[Record, None]
END = DocumentEnd("english")


def _page(number: int) -> IndexedPage:
    return Indexer(None).index(ExtractedPage(number, f"Page {number} is about the harbour."))


async def _attempts(database: Database) -> list[int]:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT attempts FROM library.document")
        return [row[0] for row in await cursor.fetchall()]


async def test_two_workers_read_every_document_exactly_once(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    reads: Counter[str] = Counter()

    async def counted(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        reads[path.name] += 1
        del wanted, limits
        yield DocumentFacts(page_count=1)
        yield _page(1)
        yield END

    ids = [
        (await library.upload(alice, f"{number}.txt", f"text {number}")).document.id
        for number in range(40)
    ]
    workers = [worker(ingest_database, library.blobs, name, reads=counted) for name in "ab"]
    async with running(*workers):
        documents = await library.finished(alice, *ids)
    assert {document.state for document in documents} == {DocumentState.READY}
    assert set(reads.values()) == {1}
    assert len(reads) == 40
    assert await counted_terms(database) == await true_terms(database)


class ChangingDisk(SystemDisk):
    """A disk of 100 GiB of which tests say how much is free."""

    def __init__(self, free: int) -> None:
        self.left = free

    @override
    def free(self, folder: Path) -> int:
        assert folder.is_dir()
        return self.left

    @override
    def size(self, folder: Path) -> int:
        return 100 * GIBIBYTE


async def test_documents_wait_while_the_disk_has_only_the_room_that_the_database_needs(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(working, "POLL_SECONDS", 0.02)
    caplog.set_level("INFO")
    disk = ChangingDisk(2 * GIBIBYTE - 1)
    blobs = Blobs(tmp_path / "documents", Room(), disk)
    uploaded = await library.upload(alice, "a.txt", "The harbour.")

    async def waits() -> bool:
        return "reading paused: the disk is nearly full" in caplog.text

    async with running(worker(ingest_database, blobs)):
        await until(waits)
        # Another document wakes the readers, and they look again.
        other = await library.upload(alice, "b.txt", "The other harbour.")
        assert (await QueueService(ingest_database).counts()).queued == 2
        disk.left = 2 * GIBIBYTE
        documents = await library.finished(alice, uploaded.document.id, other.document.id)
    assert {document.state for document in documents} == {DocumentState.READY}
    assert caplog.text.count("reading paused: the disk is nearly full") == 1
    assert caplog.text.count("reading resumed") == 1


async def test_the_ledger_shows_how_far_the_reading_is(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    go_on = asyncio.Event()

    async def slow(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        del path, wanted, limits
        yield DocumentFacts(page_count=40)
        for number in range(1, 33):
            yield _page(number)
        await go_on.wait()
        for number in range(33, 41):
            yield _page(number)
        yield END

    uploaded = await library.upload(alice, "long.txt", "long")

    async def halfway() -> bool:
        document = await library.service.document(alice, uploaded.document.id)
        return (document.pages_done, document.page_count) == (32, 40)

    async with running(worker(ingest_database, library.blobs, reads=slow)):
        await until(halfway)
        assert await search(ingest_database, "harbour") == []
        go_on.set()
        [document] = await library.finished(alice, uploaded.document.id)
    assert document.pages_done == 40
    assert await search(ingest_database, "harbour") == ["long.txt"]


async def test_a_crashing_parser_puts_its_file_in_quarantine_and_the_others_go_on(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    async def crashing(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        if path.read_bytes() == b"poison":
            yield DocumentFacts(page_count=2)
            yield _page(1)
            raise ParserCrashedError(reason="killed by SIGSEGV")
        async for item in extract(path, wanted, limits):
            yield item

    poison = await library.upload(alice, "poison.txt", "poison")
    good = await library.upload(alice, "good.txt", "The good one is about harbours.")
    async with running(worker(ingest_database, library.blobs, parallel=1, reads=crashing)):
        bad, fine = await library.finished(alice, poison.document.id, good.document.id)
    assert fine.state is DocumentState.READY
    assert bad.state is DocumentState.QUARANTINED
    assert bad.fault is not None
    assert "SIGSEGV" in bad.fault.message
    assert [row.number for row in await library.service.ledger(alice, bad.id)] == [1]


async def test_a_defect_of_ours_fails_one_document_and_is_logged(
    library: Shelf, alice: Account, ingest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def defective(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        del path, wanted, limits
        yield DocumentFacts()
        raise ZeroDivisionError

    uploaded = await library.upload(alice, "a.txt", "a")
    async with running(worker(ingest_database, library.blobs, reads=defective)):
        [document] = await library.finished(alice, uploaded.document.id)
    assert document.fault is not None
    assert document.fault.code == "reading_failed"
    assert "ZeroDivisionError" in caplog.text


async def test_a_worker_that_is_stopped_puts_its_document_back_without_counting_it(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    begun = asyncio.Event()

    async def endless(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        del path, wanted, limits
        yield DocumentFacts(page_count=2)
        begun.set()
        await asyncio.Event().wait()

    uploaded = await library.upload(alice, "a.txt", "The harbour.")
    async with running(worker(ingest_database, library.blobs, reads=endless)):
        await begun.wait()
    document = await library.service.document(alice, uploaded.document.id)
    assert document.state is DocumentState.QUEUED
    assert await _attempts(database) == [0]


async def test_a_document_deleted_while_it_is_read_leaves_nothing(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        del path, wanted, limits
        yield DocumentFacts(page_count=1)
        begun.set()
        await go_on.wait()
        yield _page(1)
        yield END

    first = await library.upload(alice, "a.txt", "The harbour.")
    async with running(worker(ingest_database, library.blobs, parallel=1, reads=waiting)):
        await begun.wait()
        await library.service.delete(alice, first.document.id)
        go_on.set()
        second = await library.upload(alice, "b.txt", "The second.")
        await library.finished(alice, second.document.id)
    assert await search(database, "harbour") == ["b.txt"]
    assert library.files() == [second.document.digest]


async def test_a_lease_of_a_worker_that_lives_is_left_alone(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    reads = 0
    go_on = asyncio.Event()

    async def waiting(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        nonlocal reads
        reads += 1
        del path, wanted, limits
        yield DocumentFacts(page_count=1)
        await go_on.wait()
        yield _page(1)
        yield END

    uploaded = await library.upload(alice, "a.txt", "a")
    other = await library.upload(alice, "b.txt", "b")

    async def both_begun() -> bool:
        return reads == 2

    async with running(worker(ingest_database, library.blobs, "first", reads=waiting)):
        await until(both_begun)
        async with running(worker(ingest_database, library.blobs, "second", reads=waiting)):
            third = await library.upload(alice, "c.txt", "c")
            go_on.set()
            await library.finished(
                alice, uploaded.document.id, other.document.id, third.document.id
            )
    assert reads == 3


async def test_the_database_going_away_costs_no_document_an_attempt(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(path: Path, wanted: Format, limits: ParserLimits) -> Items:
        del path, wanted, limits
        yield DocumentFacts(page_count=1)
        begun.set()
        await go_on.wait()
        yield _page(1)
        yield END

    uploaded = await library.upload(alice, "a.txt", "a")
    async with running(worker(ingest_database, library.blobs, reads=waiting)):
        await begun.wait()
        async with database.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'cloister_ingest' AND datname = current_database()"
            )
        go_on.set()
        [document] = await library.finished(alice, uploaded.document.id)
    assert document.state is DocumentState.READY
    assert await _attempts(database) == [0]


async def test_the_operator_sees_the_queue_but_not_what_is_private(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    await library.upload(alice, "secret plan.exe", "a", await library.own(alice))
    shared = await library.upload(alice, "menu.exe", "b")
    queue = QueueService(database)
    assert (await queue.counts()).queued == 2
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, shared.document.id)
        await until(lambda: _all_failed(queue))
    rows = await queue.queue(DocumentState.FAILED)
    assert sorted(row.file_name for row in rows) == ["menu.exe", "private document.exe"]
    assert {row.owner for row in rows} == {"Alice"}
    assert "secret" not in repr(rows)
    assert await queue.retry_failed(CommandLine()) == 2
    assert (await queue.counts()).queued == 2


async def _all_failed(queue: QueueService) -> bool:
    return (await queue.counts()).failed == 2
