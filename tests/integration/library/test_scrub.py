"""The nightly job finds each damage, says what it found, and notices what was repaired."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.health.checks.stored_files import Differences, find_differences
from appliance.jobs.kinds import KINDS, SCRUB, Process
from appliance.jobs.model import JobState
from appliance.jobs.service import JobService
from appliance.jobs.store import JobStore
from appliance.library import scrub
from appliance.library.errors import FileDamagedError, FileMissingError, IndexIncompleteError
from appliance.library.integrity import VERIFIED_WITHIN, Integrity
from appliance.library.model import Document, DocumentState, RecordedFaults
from appliance.library.scrub import BYTES_PER_SECOND, DUE_AFTER, Scrubber
from tests.builders.damage import change, lose_chunks, lose_page, make_due
from tests.builders.library import Shelf, running, worker
from tests.fakes.clock import FakeClock

TEXT = "The pump was inspected in March. The valve is due in May."
LONG = "\n\n".join(f"Paragraph {number}. {TEXT}" for number in range(150))

Scrub = Callable[[], Awaitable[str]]


@pytest.fixture
def clock() -> FakeClock:
    """The time of the scrubber, which does not wait."""
    return FakeClock()


@pytest.fixture
def integrity(ingest_database: Database, library: Shelf) -> Integrity:
    """What ingest verifies with."""
    return Integrity(ingest_database, library.blobs)


@pytest.fixture
def scrubbed(ingest_database: Database, integrity: Integrity, clock: FakeClock) -> Scrub:
    """Run the job once, and return its result."""

    async def run() -> str:
        jobs = JobService(ingest_database, clock)
        queued = await jobs.enqueue(SCRUB.name, requested_by="a test")
        async with ingest_database.connection() as connection:
            now = clock.now()
            job = await JobStore(connection).claim(
                SCRUB.name, now=now, deadline=now + SCRUB.deadline, job=queued.id
            )
        assert job is not None
        record = await jobs.record(job.id)
        result = await Scrubber(integrity, clock).run(record)
        await record.end(JobState.DONE, result)
        return result

    return run


@pytest.fixture
async def manual(library: Shelf, alice: Account, ingest_database: Database) -> Document:
    """A shared document of several chunks and pages that is ready."""
    document = (await library.upload(alice, "manual.txt", LONG)).document
    async with running(worker(ingest_database, library.blobs)):
        return (await library.finished(alice, document.id))[0]


async def _code(library: Shelf, actor: Account, document: Document) -> str | None:
    fault = (await library.service.document(actor, document.id)).fault
    return fault.code if fault else None


async def _in_order(library: Shelf, actor: Account, document: Document) -> Document:
    found = await library.service.document(actor, document.id)
    assert (found.state, found.fault) == (DocumentState.READY, None)
    return found


async def test_what_is_in_order_is_left_alone(
    library: Shelf, alice: Account, manual: Document, scrubbed: Scrub
) -> None:
    assert await scrubbed() == "Files verified: 0. No fault was found."
    await _in_order(library, alice, manual)


async def test_a_changed_file_is_found_when_its_verification_is_due(
    library: Shelf,
    alice: Account,
    manual: Document,
    database: Database,
    integrity: Integrity,
    scrubbed: Scrub,
) -> None:
    change(library.blobs.path(manual.digest))
    assert "No fault" in await scrubbed()
    await make_due(database, manual.id, days=DUE_AFTER.days + 1)
    assert "damaged files: 1" in await scrubbed()
    assert await _code(library, alice, manual) == FileDamagedError.code
    assert (await integrity.recorded()).damaged == 1
    await library.upload(alice, "manual.txt", LONG)
    assert "No fault" in await scrubbed()
    await _in_order(library, alice, manual)


async def test_a_lost_file_is_found_at_once_and_a_backup_brings_it_back(
    library: Shelf, alice: Account, manual: Document, scrubbed: Scrub
) -> None:
    path = library.blobs.path(manual.digest)
    saved = path.rename(path.with_suffix(".saved"))
    assert "missing files: 1" in await scrubbed()
    assert await _code(library, alice, manual) == FileMissingError.code
    saved.rename(path)
    assert await scrubbed() == "Files verified: 1. No fault was found."
    await _in_order(library, alice, manual)


async def test_a_wrong_file_from_a_backup_does_not_count_as_a_repair(
    library: Shelf, alice: Account, manual: Document, scrubbed: Scrub
) -> None:
    path = library.blobs.path(manual.digest)
    path.unlink()
    await scrubbed()
    path.write_bytes(b"x" * manual.size)
    assert "damaged files: 1" in await scrubbed()
    assert await _code(library, alice, manual) == FileDamagedError.code


@pytest.mark.parametrize("most", [None, 1], ids=["all", "one"])
async def test_lost_chunks_are_found_and_reading_again_brings_them_back(
    *,
    library: Shelf,
    alice: Account,
    manual: Document,
    database: Database,
    ingest_database: Database,
    integrity: Integrity,
    scrubbed: Scrub,
    most: int | None,
) -> None:
    await lose_chunks(database, manual.id, most)
    assert "documents without all of their text: 1" in await scrubbed()
    assert await _code(library, alice, manual) == IndexIncompleteError.code
    assert (await integrity.recorded()).incomplete == 1
    await library.service.retry(alice, manual.id)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, manual.id)
    assert "No fault" in await scrubbed()
    await _in_order(library, alice, manual)


async def test_an_upload_of_the_same_file_brings_lost_chunks_back(
    library: Shelf,
    alice: Account,
    manual: Document,
    database: Database,
    ingest_database: Database,
    scrubbed: Scrub,
) -> None:
    await lose_chunks(database, manual.id)
    await scrubbed()
    await library.upload(alice, "manual.txt", LONG)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, manual.id)
    assert "No fault" in await scrubbed()
    await _in_order(library, alice, manual)


async def test_a_lost_page_is_found(
    library: Shelf, alice: Account, manual: Document, database: Database, scrubbed: Scrub
) -> None:
    await lose_page(database, manual.id)
    await scrubbed()
    assert await _code(library, alice, manual) == IndexIncompleteError.code


async def test_every_file_is_verified_once_and_the_oldest_first(
    library: Shelf,
    alice: Account,
    database: Database,
    integrity: Integrity,
    scrubbed: Scrub,
) -> None:
    ages = {}
    for days in (25, 29, 27):
        document = (await library.upload(alice, f"{days}.txt", f"{TEXT} {days}")).document
        await make_due(database, document.id, days)
        ages[document.digest] = days
    order = []
    while row := await integrity.due(DUE_AFTER):
        order.append(ages[row.digest])
        await integrity.record(row.digest, await library.blobs.facts(row.digest), None)
    assert order == [29, 27, 25]
    for document in await library.service.documents(alice):
        await make_due(database, document.id, 23)
    assert await scrubbed() == "Files verified: 3. No fault was found."
    assert await scrubbed() == "Files verified: 0. No fault was found."


async def test_a_job_that_is_ended_goes_on_where_it_was(
    library: Shelf,
    alice: Account,
    database: Database,
    integrity: Integrity,
    scrubbed: Scrub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        document = (await library.upload(alice, f"{number}.txt", f"{TEXT} {number}")).document
        await make_due(database, document.id, 25)
    verify, count = Scrubber._verify, 0

    async def interrupted(self: Scrubber, *arguments: object) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise asyncio.CancelledError
        await verify(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Scrubber, "_verify", interrupted)
    with pytest.raises(asyncio.CancelledError):
        await scrubbed()
    assert await integrity.count_due(DUE_AFTER) == 2
    assert SCRUB.resumes


async def test_it_reads_no_faster_than_its_rate(
    library: Shelf,
    alice: Account,
    database: Database,
    clock: FakeClock,
    scrubbed: Scrub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrub, "BYTES_PER_SECOND", 100)
    document = (await library.upload(alice, "a.txt", b"x" * 1000)).document
    await make_due(database, document.id, 25)
    begun = clock.monotonic()
    await scrubbed()
    assert clock.monotonic() - begun >= 10
    assert BYTES_PER_SECOND > 100


async def test_a_file_that_is_not_verified_in_time_is_overdue(
    library: Shelf, alice: Account, manual: Document, database: Database, integrity: Integrity
) -> None:
    assert await integrity.recorded() == RecordedFaults()
    await make_due(database, manual.id, VERIFIED_WITHIN.days + 1)
    assert await integrity.recorded() == RecordedFaults(overdue=1)


async def test_the_doctor_sees_differences_before_any_job_ran(
    library: Shelf, alice: Account, manual: Document, database: Database
) -> None:
    owners = Integrity(database, library.blobs)
    assert await find_differences(owners) == Differences(files=1)
    lost = (await library.upload(alice, "lost.txt", "Lost.")).document
    library.blobs.path(lost.digest).unlink()
    cut = (await library.upload(alice, "cut.txt", "Cut off.")).document
    library.blobs.path(cut.digest).write_bytes(b"Cut")
    await lose_chunks(database, manual.id, 1)
    expected = Differences(files=3, missing=1, other_size=1, incomplete=1)
    assert await find_differences(owners) == expected
    # Looking changes nothing.
    await _in_order(library, alice, manual)


async def test_a_comparison_goes_through_more_rows_than_it_asks_for_at_once(
    library: Shelf, alice: Account, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.library.integrity._FILES", 2)
    for number in range(5):
        await library.upload(alice, f"{number}.txt", f"{TEXT} {number}")
    found = [each.row.digest async for each in Integrity(database, library.blobs).compare_files()]
    content = [hashlib.sha256(f"{TEXT} {number}".encode()).hexdigest() for number in range(5)]
    assert found == sorted(content)


def test_the_job_runs_in_ingest_often_enough() -> None:
    assert SCRUB in KINDS
    assert SCRUB.process is Process.INGEST
    assert SCRUB.cron is not None
    # Due files have several nights before the time is over.
    assert timedelta(days=5) <= VERIFIED_WITHIN - DUE_AFTER
