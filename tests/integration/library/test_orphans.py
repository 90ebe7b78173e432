"""No file outlives what people deleted, whoever deleted it and whatever went wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.library import orphans
from appliance.library.blobs import Blobs, SystemDisk
from appliance.library.orphans import Sweeper
from appliance.library.quota import Quotas
from appliance.library.service import LibraryService
from tests.builders.library import ROOM, Shelf, until
from tests.fakes.clock import FakeClock

TEXT = "What Alice keeps to herself."


class StubbornBlobs(Blobs):
    """Files that cannot be removed."""

    @override
    async def remove(self, digest: str) -> None:
        raise PermissionError(digest)


def _stray(library: Shelf) -> Path:
    """Put a file that no document uses into the folder."""
    stray = library.blobs.path("ab" + "0" * 62)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"nobody's")
    return stray


async def _gone(path: Path) -> None:
    async def is_gone() -> bool:
        return not path.exists()

    await until(is_gone)


@asynccontextmanager
async def _sweeping(database: Database, library: Shelf) -> AsyncIterator[None]:
    """Let a sweeper work; when the block begins it has swept once and listens."""
    task = asyncio.ensure_future(Sweeper(database, library.blobs, FakeClock()).run())
    try:
        await _gone(_stray(library))
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_private_files_of_a_removed_person_are_removed_and_shared_ones_stay(
    library: Shelf, alice: Account, database: Database, ingest_database: Database
) -> None:
    shared = (await library.upload(alice, "menu.txt", "For everybody.")).document
    private = (await library.upload(alice, "diary.txt", TEXT, await library.own(alice))).document

    async with _sweeping(ingest_database, library):
        assert set(library.files()) == {shared.digest, private.digest}
        await People(database, FakeClock()).remove(CommandLine(), alice.id)
        await _gone(library.blobs.path(private.digest))
    assert library.files() == [shared.digest]


async def test_a_file_that_could_not_be_removed_at_the_deletion_is_removed_soon(
    library: Shelf,
    alice: Account,
    chat_database: Database,
    ingest_database: Database,
    tmp_path: Path,
) -> None:
    document = (await library.upload(alice, "diary.txt", TEXT)).document
    stubborn = StubbornBlobs(tmp_path / "documents", ROOM, SystemDisk())

    async with _sweeping(ingest_database, library):
        quotas = Quotas(chat_database)
        await LibraryService(chat_database, stubborn, quotas).delete(alice, document.id)
        with pytest.raises(NotFoundError):
            await library.service.document(alice, document.id)
        await _gone(library.blobs.path(document.digest))


async def test_the_folder_is_swept_again_and_again(
    library: Shelf, ingest_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "EVERY_SECONDS", 0.05)
    async with _sweeping(ingest_database, library):
        await _gone(_stray(library))


async def test_a_disk_that_fails_is_named_once_and_tried_again(
    library: Shelf,
    ingest_database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _stray(library)
    clock = FakeClock()
    stubborn = StubbornBlobs(tmp_path / "documents", ROOM, SystemDisk())
    task = asyncio.ensure_future(Sweeper(ingest_database, stubborn, clock).run())

    async def tried_thrice() -> bool:
        return clock.monotonic() > 1000 + 3 * 60

    await until(tried_thrice)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert caplog.text.count("orphans not deleted") == 1
