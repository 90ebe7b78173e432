"""Uploaded files on the disk, each named by its SHA-256: equal content is stored once.

A file arrives in `incoming/`, is checked and made durable there, and only then gets its name. The
file of a running upload is locked; a file in `incoming/` without a lock is abandoned.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from appliance.core.files import fsync_directory
from appliance.core.variables import GIBIBYTE, MEBIBYTE
from appliance.library.errors import (
    DiskFullError,
    EmptyFileError,
    FileDamagedError,
    FileMissingError,
    UploadTooLargeError,
)
from appliance.library.stored_file import FileFacts, StoredFile

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_PIECE = MEBIBYTE
# The ingest process may run as another user than the chat server; they share the folder's group.
_READABLE_BY_GROUP = 0o640
# While this file is there, files that no document uses are kept: a restore adds files before their
# documents, and the documents of the state before it may come back.
UNCONFIRMED = "unconfirmed-restore"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Disk(Protocol):
    """The part of a disk that an upload needs, so that tests can provide a full one."""

    def free(self, folder: Path) -> int:
        """Return how many bytes may still be written."""
        ...

    def size(self, folder: Path) -> int:
        """Return how many bytes the disk has in all."""
        ...

    def write(self, file: BinaryIO, piece: bytes) -> None:
        """Append to a file. Raises OSError when there is no room."""
        ...


class SystemDisk:
    """The machine's own disk."""

    def free(self, folder: Path) -> int:
        """Return how many bytes may still be written."""
        return shutil.disk_usage(folder).free

    def size(self, folder: Path) -> int:
        """Return how many bytes the disk has in all."""
        return shutil.disk_usage(folder).total

    def write(self, file: BinaryIO, piece: bytes) -> None:
        """Append to a file."""
        file.write(piece)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that is complete and durable, but has no name yet."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Room:
    """The largest size of one file, and the disk space that documents must leave free (`floor`).

    Without a floor it depends on the size of the disk (`least_free`).
    """

    limit: int = 100 * MEBIBYTE
    floor: int | None = None


def least_free(size: int) -> int:
    """Return how many bytes of a disk of this size stay free, so that PostgreSQL never stops.

    Its write-ahead log alone grows to max_wal_size, 1 GiB, and the pages and chunks of a document
    may take several times the size of its file. On a small disk at most a quarter is reserved; on
    a large one a fixed size, because PostgreSQL does not need more.
    """
    return min(2 * GIBIBYTE, size // 4)


def is_digest(name: str) -> bool:
    """Return whether this can be the name of a stored file."""
    return _DIGEST.fullmatch(name) is not None


class Blobs:
    """The folder of all uploaded files."""

    def __init__(
        self, folder: Path, room: Room, disk: Disk, *, limit: Callable[[], int] | None = None
    ) -> None:
        """Take `limit` where the largest file may change while the process runs."""
        self._folder = folder
        self._limit = limit or (lambda: room.limit)
        self._incoming = folder / "incoming"
        self._room = room
        self._disk = disk

    def path(self, digest: str) -> Path:
        """Return the path of the file with this digest, whether it exists or not."""
        return self._folder / digest[:2] / digest

    async def has_room(self) -> bool:
        """Return whether the disk has more free space than the reserve of the database."""
        return await asyncio.to_thread(self._has_room)

    @asynccontextmanager
    async def receive(
        self, pieces: AsyncIterator[bytes], declared_size: int | None = None
    ) -> AsyncIterator[Incoming]:
        """Write a file as it arrives and lend it; a file that is not kept is deleted at the end.

        Raises UploadTooLargeError, DiskFullError or EmptyFileError; then no file remains.
        """
        await asyncio.to_thread(self._check, declared_size or 0)
        file = await asyncio.to_thread(self._open)
        try:
            digest, size = await self._write(file, pieces)
            yield Incoming(Path(file.name), digest, size)
        finally:
            # Shielded, so that a cancelled caller leaves no file behind.
            await asyncio.shield(asyncio.to_thread(_discard, file))

    async def keep(self, incoming: Incoming) -> None:
        """Give an incoming file its name, durably. The caller holds the lock on its digest.

        It replaces a file that has the name, in one step: so a damaged one is repaired.
        """
        await asyncio.to_thread(self._keep, incoming)

    async def facts(self, digest: str) -> FileFacts | None:
        """Return what the disk says about a file; None if there is none."""
        return await asyncio.to_thread(_facts, self.path(digest))

    async def all_facts(self, digests: Sequence[str]) -> list[FileFacts | None]:
        """Return the same for several files."""
        paths = [self.path(digest) for digest in digests]
        return await asyncio.to_thread(lambda: [_facts(path) for path in paths])

    @asynccontextmanager
    async def reading(
        self, digest: str, size: int | None = None, *, executor: Executor | None = None
    ) -> AsyncIterator[StoredFile]:
        """Open a file and lend it.

        Raises FileMissingError, and FileDamagedError for a file that has not this size.
        """
        file = await asyncio.to_thread(_open_stored, self.path(digest), size)
        try:
            yield StoredFile(file, digest, executor)
        finally:
            file.close()

    async def verify(self, digest: str) -> None:
        """Compare a file with its digest. Raises FileMissingError or FileDamagedError."""
        async with self.reading(digest) as file:
            async for _ in file.pieces():
                pass

    async def keeps_orphans(self) -> bool:
        """Return whether files that no document uses must stay, because of a restore."""
        return await asyncio.to_thread((self._folder / UNCONFIRMED).exists)

    async def remove(self, digest: str) -> None:
        """Delete a file that no document uses. The caller holds the lock on its digest."""
        await asyncio.to_thread(self.path(digest).unlink, missing_ok=True)

    def digests(self) -> Iterator[str]:
        """Yield the digest of every file."""
        if self._folder.is_dir():
            for path in self._folder.glob("??/*"):
                if is_digest(path.name):
                    yield path.name

    def sweep_incoming(self) -> int:
        """Delete the files of interrupted uploads; return how many."""
        return sum(map(_discard_if_abandoned, self._incoming.glob("*.part")))

    def _check(self, size: int) -> None:
        if size > self._limit():
            raise UploadTooLargeError(megabytes=self._limit() // MEBIBYTE)
        # Access is decided by the mode of the folder above, which the package or the start creates.
        self._incoming.mkdir(parents=True, exist_ok=True)
        if not self._leaves_room(self._incoming, size):
            raise DiskFullError

    def _has_room(self) -> bool:
        # The folder is made by the first upload.
        folder = self._folder if self._folder.is_dir() else self._folder.parent
        try:
            return self._leaves_room(folder, 0)
        except OSError:
            # A fault of the folder is reported when a file in it is read or written.
            return True

    def _leaves_room(self, folder: Path, size: int) -> bool:
        floor = self._room.floor
        if floor is None:
            floor = least_free(self._disk.size(folder))
        return self._disk.free(folder) >= floor + size

    def _open(self) -> BinaryIO:
        while True:
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - receive() closes it
                dir=self._incoming, suffix=".part", delete=False
            )
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            os.fchmod(file.fileno(), _READABLE_BY_GROUP)
            # A sweep between its creation and its lock may have deleted it as abandoned.
            if Path(file.name).exists():
                return cast("BinaryIO", file)
            file.close()

    async def _write(self, file: BinaryIO, pieces: AsyncIterator[bytes]) -> tuple[str, int]:
        digest = hashlib.sha256()
        size, waiting = 0, bytearray()
        async for piece in pieces:
            size += len(piece)
            if size > self._limit():
                raise UploadTooLargeError(megabytes=self._limit() // MEBIBYTE)
            waiting += piece
            if len(waiting) >= _PIECE:
                await asyncio.to_thread(self._append, file, bytes(waiting), digest)
                waiting.clear()
        if size == 0:
            raise EmptyFileError
        await asyncio.to_thread(self._append, file, bytes(waiting), digest)
        await asyncio.to_thread(_fsync, file)
        return digest.hexdigest(), size

    def _append(self, file: BinaryIO, piece: bytes, digest: Hash) -> None:
        digest.update(piece)
        if not self._leaves_room(self._incoming, len(piece)):
            raise DiskFullError
        with _disk_full_as_error():
            self._disk.write(file, piece)

    def _keep(self, incoming: Incoming) -> None:
        target = self.path(incoming.digest)
        with _disk_full_as_error():
            target.parent.mkdir(mode=0o770, exist_ok=True)
            incoming.path.replace(target)
        fsync_directory(target.parent)
        fsync_directory(self._folder)


def _facts(path: Path) -> FileFacts | None:
    try:
        return FileFacts.of(path.stat())
    except FileNotFoundError:
        return None


def _open_stored(path: Path, size: int | None) -> BinaryIO:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise FileMissingError from error
    if size is not None and os.fstat(file.fileno()).st_size != size:
        file.close()
        raise FileDamagedError
    return file


@contextlib.contextmanager
def _disk_full_as_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError from error
        raise


def _fsync(file: BinaryIO) -> None:
    with _disk_full_as_error():
        file.flush()
        os.fsync(file.fileno())


def _discard(file: BinaryIO) -> None:
    # The name first: once the lock is released, another file could have it.
    Path(file.name).unlink(missing_ok=True)
    # On a full disk, closing fails as well: the buffer may not be empty.
    with contextlib.suppress(OSError):
        file.close()


def _discard_if_abandoned(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return 1
    return 0
