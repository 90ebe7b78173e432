"""An upload is kept completely or not at all, and every refusal says why."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.core.errors import NotFoundError
from appliance.core.variables import GIBIBYTE
from appliance.db.pool import Database
from appliance.library.blobs import Blobs, Room, SystemDisk, least_free
from appliance.library.errors import DiskFullError, EmptyFileError, UploadTooLargeError
from appliance.library.model import DocumentState
from appliance.library.orphans import sweep
from tests.builders.library import LIMIT, ROOM, Shelf, pieces, shelf

TEXT = b"The pump was inspected in March."


class FullDisk(SystemDisk):
    """A disk on which `room` bytes can be written before the kernel refuses."""

    def __init__(self, room: int) -> None:
        self._room = room

    @override
    def write(self, file: BinaryIO, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, piece)


class SmallDisk(SystemDisk):
    """A disk that says how much is free."""

    @override
    def free(self, folder: Path) -> int:
        assert folder.is_dir()
        return 1000


async def _rows(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM library.document")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_an_upload_is_queued_and_stored_under_its_digest(
    library: Shelf, alice: Account
) -> None:
    uploaded = await library.upload(alice, "pump.txt", TEXT)
    document = uploaded.document
    assert not uploaded.duplicate
    assert (document.file_name, document.state) == ("pump.txt", DocumentState.QUEUED)
    assert document.digest == hashlib.sha256(TEXT).hexdigest()
    assert library.blobs.path(document.digest).read_bytes() == TEXT
    assert library.files() == [document.digest]


async def test_an_upload_wakes_the_ingest_process(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    async with ingest_database.connection() as connection:
        await connection.execute("LISTEN library_queued")
        uploaded = await library.upload(alice, "pump.txt", TEXT)
        heard = [note async for note in connection.notifies(timeout=10, stop_after=1)]
    assert heard[0].payload == str(uploaded.document.id)


async def test_an_empty_file_is_refused(library: Shelf, alice: Account, database: Database) -> None:
    with pytest.raises(EmptyFileError):
        await library.upload(alice, "empty.txt", b"")
    assert library.files() == []
    assert await _rows(database) == 0


async def test_a_file_over_the_limit_is_refused_before_it_is_read(
    library: Shelf, alice: Account
) -> None:
    asked = []

    async def never() -> AsyncIterator[bytes]:
        asked.append(True)
        yield b""

    with pytest.raises(UploadTooLargeError) as refused:
        await library.service.upload(
            alice, await library.shared(alice), "big.txt", never(), LIMIT + 1, by=alice
        )
    assert refused.value.status == 413
    assert asked == []


async def test_a_file_that_lied_about_its_size_leaves_nothing(
    library: Shelf, alice: Account, database: Database
) -> None:
    with pytest.raises(UploadTooLargeError):
        await library.service.upload(
            alice, await library.shared(alice), "big.txt", pieces(b"x" * (LIMIT + 1)), 10, by=alice
        )
    assert library.files() == []
    assert await _rows(database) == 0


async def test_the_same_file_twice_is_one_document(library: Shelf, alice: Account) -> None:
    first = await library.upload(alice, "pump.txt", TEXT)
    second = await library.upload(alice, "copy of pump.txt", TEXT)
    assert second.duplicate
    assert second.document == first.document


async def test_the_same_file_in_two_collections_is_two_documents_and_one_file(
    library: Shelf, alice: Account
) -> None:
    shared = await library.upload(alice, "pump.txt", TEXT)
    private = await library.upload(alice, "pump.txt", TEXT, await library.own(alice))
    assert shared.document.id != private.document.id
    assert not private.duplicate
    assert len(library.files()) == 1


async def test_many_uploads_of_one_file_at_once_are_one_document(
    library: Shelf, alice: Account, bob: Account
) -> None:
    uploads = await asyncio.gather(
        *(library.upload(actor, "pump.txt", TEXT) for actor in (alice, bob, alice, bob))
    )
    assert len({uploaded.document.id for uploaded in uploads}) == 1
    assert sorted(uploaded.duplicate for uploaded in uploads) == [False, True, True, True]


async def test_a_broken_document_uploaded_under_its_right_name_is_queued_again(
    library: Shelf, alice: Account, database: Database
) -> None:
    first = await library.upload(alice, "report.pdf", TEXT)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET state = 'failed', error_code = 'wrong_extension'"
        )
    second = await library.upload(alice, "report.txt", TEXT)
    assert second.document.id == first.document.id
    assert second.document.state is DocumentState.QUEUED
    assert second.document.file_name == "report.txt"
    assert second.document.fault is None


async def test_an_upload_that_is_broken_off_leaves_nothing(
    library: Shelf, alice: Account, database: Database
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield TEXT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await library.service.upload(
            alice, await library.shared(alice), "pump.txt", broken(), by=alice
        )
    assert library.files() == []
    assert await _rows(database) == 0


async def test_an_upload_whose_request_is_cancelled_leaves_nothing(
    library: Shelf, alice: Account
) -> None:
    asked = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield TEXT
        asked.set()
        await asyncio.Event().wait()

    shared = await library.shared(alice)
    task = asyncio.ensure_future(
        library.service.upload(alice, shared, "pump.txt", slow(), by=alice)
    )
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert library.files() == []


async def test_a_disk_that_fills_up_is_a_clear_error_and_leaves_nothing(
    chat_database: Database, alice: Account, tmp_path: Path
) -> None:
    room = Room(limit=8 * LIMIT, floor=0)
    full = shelf(chat_database, tmp_path / "documents", room=room, disk=FullDisk(2 * LIMIT))
    with pytest.raises(DiskFullError) as refused:
        await full.upload(alice, "big.txt", b"x" * 4 * LIMIT)
    assert refused.value.status == 507
    assert full.files() == []


async def test_an_upload_leaves_room_for_the_database(
    chat_database: Database, alice: Account, tmp_path: Path
) -> None:
    room = Room(limit=LIMIT, floor=1001)
    almost = shelf(chat_database, tmp_path / "documents", room=room, disk=SmallDisk())
    with pytest.raises(DiskFullError):
        await almost.upload(alice, "pump.txt", TEXT)


async def test_without_a_floor_the_size_of_the_disk_says_what_stays_free(
    chat_database: Database, alice: Account, tmp_path: Path
) -> None:
    almost = shelf(chat_database, tmp_path / "documents", room=Room(limit=LIMIT), disk=SmallDisk())
    with pytest.raises(DiskFullError):
        await almost.upload(alice, "pump.txt", TEXT)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (GIBIBYTE, GIBIBYTE // 4),
        (4 * GIBIBYTE, GIBIBYTE),
        (8 * GIBIBYTE, 2 * GIBIBYTE),
        (1000 * GIBIBYTE, 2 * GIBIBYTE),
    ],
)
def test_what_stays_free_suits_the_disk(size: int, expected: int) -> None:
    assert least_free(size) == expected


async def test_an_upload_to_an_invisible_collection_is_refused(
    library: Shelf, alice: Account, bob: Account
) -> None:
    for collection in (await library.own(bob), uuid4()):
        with pytest.raises(NotFoundError):
            await library.upload(alice, "pump.txt", TEXT, collection)
    assert library.files() == []


async def test_a_sweep_removes_what_a_crash_left_and_nothing_else(
    library: Shelf, alice: Account, ingest_database: Database, tmp_path: Path
) -> None:
    kept = (await library.upload(alice, "pump.txt", TEXT)).document.digest
    abandoned = tmp_path / "documents" / "incoming" / "tmpdead.part"
    abandoned.write_bytes(b"half")
    unused = library.blobs.path("ab" + "0" * 62)
    unused.parent.mkdir(exist_ok=True)
    unused.write_bytes(b"nobody's")
    blobs = Blobs(tmp_path / "documents", ROOM, SystemDisk())
    async with library.blobs.receive(pieces(b"still arriving")) as incoming:
        await sweep(ingest_database, blobs)
        assert incoming.path.exists()
    assert library.files() == [kept]
