"""Only the document that a parser died of is blamed, and never one that was merely in hand."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.ingest.errors import ParserCrashedError, ParserKilledError
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.page import DocumentEnd, DocumentFacts, ExtractedPage, Record
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import Format
from appliance.ingest.indexer import Indexer
from appliance.ingest.store import IngestStore
from appliance.ingest.worker import MOST_ATTEMPTS, Worker
from appliance.library.model import DocumentState, Fault
from tests.builders.library import Shelf, running, until, worker

FAULT = Fault("reader_died", "It died.", "Try again.")


async def _standing(database: Database, name: str) -> tuple[str, int, bool]:
    """Return the state of a document, what counts against it, and whether it is read alone."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT state, attempts, read_alone FROM library.document WHERE file_name = %s", (name,)
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1], row[2]


async def _leased(database: Database, instance: str) -> str | None:
    """Lease the next document as an instance of ingest does; return its name."""
    async with database.connection() as connection:
        lease = await IngestStore(connection).lease(instance)
    return lease.file_name if lease else None


async def _killed(database: Database, instance: str = "dead") -> None:
    """Do what the next instance does when it finds that another one has ended."""
    async with database.transaction() as connection:
        store = IngestStore(connection)
        await store.interrupt(await store.abandoned(instance), MOST_ATTEMPTS, FAULT)


async def test_what_was_merely_in_hand_is_not_counted_and_tried_alone(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        await library.upload(alice, name, name)
    assert [await _leased(ingest_database, "first") for _ in range(2)] == ["a.txt", "b.txt"]
    await _killed(ingest_database)
    assert await _standing(ingest_database, "a.txt") == ("queued", 0, True)
    assert await _standing(ingest_database, "b.txt") == ("queued", 0, True)
    assert await _standing(ingest_database, "c.txt") == ("queued", 0, False)


async def test_no_other_document_is_read_beside_one_that_is_tried_alone(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        await library.upload(alice, name, name)
    assert [await _leased(ingest_database, "first") for _ in range(2)] == ["a.txt", "b.txt"]
    await _killed(ingest_database)
    assert await _leased(ingest_database, "second") == "a.txt"
    assert await _leased(ingest_database, "second") is None
    await _finish(ingest_database, "a.txt")
    assert await _leased(ingest_database, "second") == "b.txt"
    assert await _leased(ingest_database, "second") is None
    await _finish(ingest_database, "b.txt")
    assert await _leased(ingest_database, "second") == "c.txt"


async def test_one_that_is_tried_alone_waits_for_those_that_are_read(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        await library.upload(alice, name, name)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET read_alone = true WHERE file_name = 'b.txt'"
        )
    assert await _leased(ingest_database, "first") == "a.txt"
    assert await _leased(ingest_database, "first") is None, "the turn is that of b.txt"
    await _finish(ingest_database, "a.txt")
    assert await _leased(ingest_database, "first") == "b.txt"


async def _finish(database: Database, name: str) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET state = 'ready', read_alone = false, claimed_by = NULL"
            " WHERE file_name = %s",
            (name,),
        )


async def test_after_three_deaths_alone_a_document_is_set_aside(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    await library.upload(alice, "a.txt", "a")
    await library.upload(alice, "b.txt", "b")
    for attempts in range(MOST_ATTEMPTS):
        assert await _leased(ingest_database, f"instance {attempts}") == "a.txt"
        await _killed(ingest_database)
        assert await _standing(ingest_database, "a.txt") == ("queued", attempts, True)
    assert await _leased(ingest_database, "the last") == "a.txt"
    await _killed(ingest_database)
    assert await _standing(ingest_database, "a.txt") == ("quarantined", MOST_ATTEMPTS, True)
    assert await _leased(ingest_database, "another") == "b.txt"
    async with running(worker(ingest_database, library.blobs)):
        await until(lambda: _is(ingest_database, "b.txt", "ready"))


async def test_a_document_that_is_read_to_its_end_starts_afresh(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    uploaded = await library.upload(alice, "a.txt", "The harbour.")
    for _ in range(2):
        assert await _leased(ingest_database, "first") == "a.txt"
        await _killed(ingest_database)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, uploaded.document.id)
    assert await _standing(ingest_database, "a.txt") == ("ready", 0, False)


async def _is(database: Database, name: str, state: str) -> bool:
    return (await _standing(database, name))[0] == state


Read = Callable[[Path], AsyncGenerator[Record, None]]


def _worker(ingest_database: Database, library: Shelf, read: Read) -> Worker:
    """Make a worker that reads documents with `read`."""

    async def reads(
        path: Path, wanted: Format, limits: ParserLimits
    ) -> AsyncGenerator[Record, None]:
        del wanted, limits
        async for record in read(path):
            yield record

    return worker(ingest_database, library.blobs, reads=reads)


async def _whole(text: str) -> AsyncIterator[Record]:
    yield DocumentFacts()
    yield Indexer(None).index(ExtractedPage(1, text))
    yield DocumentEnd("simple")


async def test_a_parser_that_is_killed_from_outside_reads_its_document_once_more_alone(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    """Memory ran out, which may be the fault of the document beside it."""
    beside: list[set[str]] = []
    in_hand: set[str] = set()

    async def read(path: Path) -> AsyncGenerator[Record, None]:
        text = path.read_text()
        in_hand.add(text)
        try:
            # The other worker has had its turn to lease.
            await asyncio.sleep(0.05)
            if text == "victim":
                beside.append(in_hand - {text})
                if len(beside) == 1:
                    raise ParserKilledError(reason="killed by SIGKILL")
            async for record in _whole(text):
                yield record
        finally:
            in_hand.discard(text)

    victim = await library.upload(alice, "victim.txt", "victim")
    others = [await library.upload(alice, f"{n}.txt", f"other {n}") for n in range(6)]
    async with running(_worker(ingest_database, library, read)):
        documents = await library.finished(
            alice, victim.document.id, *(other.document.id for other in others)
        )
    assert {document.state for document in documents} == {DocumentState.READY}
    assert len(beside) == 2
    assert beside[1] == set()


async def test_a_document_whose_parser_is_killed_each_time_is_set_aside_and_no_other(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    deaths = 0

    async def read(path: Path) -> AsyncGenerator[Record, None]:
        nonlocal deaths
        text = path.read_text()
        if text == "poison":
            deaths += 1
            raise ParserKilledError(reason="killed by SIGKILL")
        async for record in _whole(text):
            yield record

    poison = await library.upload(alice, "poison.txt", "poison")
    good = await library.upload(alice, "good.txt", "The harbour.")
    async with running(_worker(ingest_database, library, read)):
        bad, fine = await library.finished(alice, poison.document.id, good.document.id)
    assert (bad.state, fine.state) == (DocumentState.QUARANTINED, DocumentState.READY)
    assert bad.fault is not None
    assert bad.fault.code == "reader_died"
    # The first one, beside another document, does not count.
    assert deaths == 1 + MOST_ATTEMPTS


async def test_a_parser_that_crashes_by_itself_blames_its_document_at_once(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    async def read(path: Path) -> AsyncGenerator[Record, None]:
        if path.read_text() == "poison":
            raise ParserCrashedError(reason="killed by SIGSEGV")
        async for record in _whole(path.read_text()):
            yield record

    poison = await library.upload(alice, "poison.txt", "poison")
    good = await library.upload(alice, "good.txt", "The harbour.")
    async with running(_worker(ingest_database, library, read)):
        bad, fine = await library.finished(alice, poison.document.id, good.document.id)
    assert (bad.state, fine.state) == (DocumentState.QUARANTINED, DocumentState.READY)
    assert (await _standing(ingest_database, "good.txt"))[1:] == (0, False)


def _install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a pdfinfo of the test's own before the real one."""
    program = folder / "pdfinfo"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@asynccontextmanager
async def _caught() -> AsyncIterator[list[BaseException]]:
    caught: list[BaseException] = []
    try:
        yield caught
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        caught.append(error)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGKILL, ParserKilledError), (signal.SIGSEGV, ParserCrashedError)],
)
async def test_a_death_from_outside_is_told_from_a_crash(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    expected: type[Exception],
) -> None:
    (tmp_path / "bin").mkdir()
    _install(tmp_path / "bin", f"kill -{number:d} $$", monkeypatch)
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4")
    async with _caught() as caught:
        async for _ in extract(path, Format.PDF, ParserLimits()):
            pass
    assert [type(error) for error in caught] == [expected]
