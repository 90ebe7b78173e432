"""A file that changed or was lost is never given out, is recorded, and is repaired by an upload."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.library.blobs import Room
from appliance.library.errors import FileDamagedError, FileMissingError
from appliance.library.integrity import Integrity
from appliance.library.model import Document, DocumentState, RecordedFaults
from appliance.library.stored_file import PIECE
from tests.builders.audit import audited
from tests.builders.damage import change, lose_chunks
from tests.builders.library import Shelf, running, shelf, worker

TEXT = "The pump was inspected in March. The valve is due in May."


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"!")


DAMAGES = pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (change, FileDamagedError),
        (_cut, FileDamagedError),
        (_extend, FileDamagedError),
        (Path.unlink, FileMissingError),
    ],
    ids=["changed", "cut", "extended", "lost"],
)
Damage = Callable[[Path], None]
Fault = type[FileDamagedError] | type[FileMissingError]


@pytest.fixture
async def manual(library: Shelf, alice: Account, ingest_database: Database) -> Document:
    """A shared document of Alice's that is ready."""
    document = (await library.upload(alice, "manual.txt", TEXT)).document
    async with running(worker(ingest_database, library.blobs)):
        return (await library.finished(alice, document.id))[0]


async def _code(library: Shelf, actor: Account, document: Document) -> str | None:
    fault = (await library.service.document(actor, document.id)).fault
    return fault.code if fault else None


@DAMAGES
async def test_a_download_of_a_faulty_file_fails_and_the_fault_is_recorded(
    library: Shelf,
    bob: Account,
    manual: Document,
    chat_database: Database,
    damage: Damage,
    fault: Fault,
) -> None:
    damage(library.blobs.path(manual.digest))
    with pytest.raises(fault):
        await library.original(bob, manual.id)
    found = await library.service.document(bob, manual.id)
    assert (found.state, found.fault and found.fault.code) == (DocumentState.FAILED, fault.code)
    counts = await Integrity(chat_database, library.blobs).recorded()
    expected = RecordedFaults(
        damaged=int(fault is FileDamagedError), missing=int(fault is FileMissingError)
    )
    assert counts == expected


@DAMAGES
async def test_an_upload_of_the_same_file_repairs_every_document_that_has_it(
    *,
    library: Shelf,
    alice: Account,
    bob: Account,
    manual: Document,
    database: Database,
    damage: Damage,
    fault: Fault,
) -> None:
    own = (await library.upload(bob, "mine.txt", TEXT, await library.own(bob))).document
    damage(library.blobs.path(manual.digest))
    with pytest.raises(fault):
        await library.original(alice, manual.id)
    uploaded = await library.upload(alice, "manual.txt", TEXT)
    assert uploaded.duplicate
    assert uploaded.document.state is DocumentState.READY
    assert await library.original(bob, manual.id) == TEXT.encode()
    assert await library.original(bob, own.id) == TEXT.encode()
    # The repair is an action of a person on this document, and is audited as one.
    assert (await audited(database))[-1] == ("alice", "document.add", str(manual.id))


async def test_a_repaired_document_without_all_of_its_text_is_read_again(
    library: Shelf,
    alice: Account,
    manual: Document,
    database: Database,
    ingest_database: Database,
) -> None:
    change(library.blobs.path(manual.digest))
    await lose_chunks(database, manual.id)
    with pytest.raises(FileDamagedError):
        await library.original(alice, manual.id)
    uploaded = await library.upload(alice, "manual.txt", TEXT)
    assert uploaded.document.state is DocumentState.QUEUED
    async with running(worker(ingest_database, library.blobs)):
        [document] = await library.finished(alice, manual.id)
    assert document.state is DocumentState.READY


@DAMAGES
async def test_a_faulty_file_is_not_read_into_the_index(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    damage: Damage,
    fault: Fault,
) -> None:
    document = (await library.upload(alice, "a.txt", TEXT)).document
    damage(library.blobs.path(document.digest))
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, document.id)
        assert await _code(library, alice, document) == fault.code
        await library.upload(alice, "a.txt", TEXT)
        [document] = await library.finished(alice, document.id)
    assert document.state is DocumentState.READY


async def test_the_last_piece_is_kept_back_until_the_content_proved_right(
    alice: Account, chat_database: Database, tmp_path: Path
) -> None:
    library = shelf(chat_database, tmp_path / "documents", room=Room(8 * MEBIBYTE, floor=0))
    content = b"0123456789abcdef" * (3 * PIECE // 16)
    document = (await library.upload(alice, "large.txt", content)).document
    change(library.blobs.path(document.digest), at=len(content) - 1)
    async with library.blobs.reading(document.digest) as file:
        pieces = file.pieces()
        assert await anext(pieces) + await anext(pieces) == content[: 2 * PIECE]
        with pytest.raises(FileDamagedError):
            await anext(pieces)


async def test_a_file_that_was_replaced_while_a_damaged_one_was_read_is_not_blamed(
    library: Shelf, alice: Account, manual: Document
) -> None:
    change(library.blobs.path(manual.digest))
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(FileDamagedError))
        original = await stack.enter_async_context(library.service.original(alice, manual.id))
        await library.upload(alice, "manual.txt", TEXT)
        await anext(original.pieces)
    assert await _code(library, alice, manual) is None
    assert await library.original(alice, manual.id) == TEXT.encode()


async def test_a_document_that_waits_keeps_its_place_when_its_file_is_found_damaged(
    library: Shelf, alice: Account
) -> None:
    document = (await library.upload(alice, "a.txt", TEXT)).document
    change(library.blobs.path(document.digest))
    with pytest.raises(FileDamagedError):
        await library.original(alice, document.id)
    found = await library.service.document(alice, document.id)
    assert (found.state, found.fault) == (DocumentState.QUEUED, None)
