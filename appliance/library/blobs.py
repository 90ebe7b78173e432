"""Uploaded files on the disk, each under its own SHA-256: the same content is kept once.

A file arrives in `incoming/`, is checked and made durable there, and only then gets its name. The
file of an upload that still goes on is locked, so whoever finds it without a lock may delete it.
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
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from appliance.core.files import fsync_directory
from appliance.core.settings import GIBIBYTE, MEBIBYTE
from appliance.library.errors import DiskFullError, EmptyFileError, UploadTooLargeError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_PIECE = MEBIBYTE
# Ingest may be another user than who took the upload: the folder's group is what they share.
_READABLE_BY_GROUP = 0o640
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Disk(Protocol):
    """What an upload needs of a disk, so that tests can bring a full one."""

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
    """A file that has arrived completely and is durable, but has no name yet."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Room:
    """How much one file may take, and how much of the disk documents must leave free.

    Without a floor the size of the disk says it (`least_free`).
    """

    limit: int = 100 * MEBIBYTE
    floor: int | None = None


def least_free(size: int) -> int:
    """Return how much of a disk of this size stays free, so that PostgreSQL never stops.

    Its log of changes alone grows to max_wal_size, 1 GiB, and what a document becomes in it may
    take several times the file. Of a small disk no more than a quarter is kept from people; a
    share of a large one would keep from them what PostgreSQL does not need.
    """
    return min(2 * GIBIBYTE, size // 4)


def is_digest(name: str) -> bool:
    """Say whether this can be the name of a file of ours."""
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
        """Return where the file with this digest is, or would be."""
        return self._folder / digest[:2] / digest

    async def has_room(self) -> bool:
        """Say whether the disk has room for what is read of documents, beside the database."""
        return await asyncio.to_thread(self._has_room)

    @asynccontextmanager
    async def receive(
        self, pieces: AsyncIterator[bytes], declared_size: int | None = None
    ) -> AsyncIterator[Incoming]:
        """Write a file as it arrives and lend it; what was not kept by then is deleted.

        Raises UploadTooLargeError, DiskFullError or EmptyFileError; nothing stays behind.
        """
        await asyncio.to_thread(self._check, declared_size or 0)
        file = await asyncio.to_thread(self._open)
        try:
            digest, size = await self._write(file, pieces)
            yield Incoming(Path(file.name), digest, size)
        finally:
            # Shielded, because a caller who goes away must not leave the file behind either.
            await asyncio.shield(asyncio.to_thread(_discard, file))

    async def keep(self, incoming: Incoming) -> None:
        """Give an incoming file its name, durably. The caller holds the lock on its digest."""
        await asyncio.to_thread(self._keep, incoming)

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
        """Delete what broken-off uploads of processes that are gone left behind."""
        return sum(map(_discard_if_abandoned, self._incoming.glob("*.part")))

    def _check(self, size: int) -> None:
        if size > self._limit():
            raise UploadTooLargeError(megabytes=self._limit() // MEBIBYTE)
        # Who may enter is decided above it: by whoever made the folder of all files.
        self._incoming.mkdir(parents=True, exist_ok=True)
        if not self._leaves_room(self._incoming, size):
            raise DiskFullError

    def _has_room(self) -> bool:
        # The folder is made by the first upload.
        folder = self._folder if self._folder.is_dir() else self._folder.parent
        try:
            return self._leaves_room(folder, 0)
        except OSError:
            # What is wrong with the folder is said by whoever needs a file in it.
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
            # Between its creation and its lock a sweep may have taken it for abandoned.
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
        with _no_room_is_an_error_of_ours():
            self._disk.write(file, piece)

    def _keep(self, incoming: Incoming) -> None:
        target = self.path(incoming.digest)
        with _no_room_is_an_error_of_ours():
            target.parent.mkdir(mode=0o770, exist_ok=True)
            incoming.path.replace(target)
        fsync_directory(target.parent)
        fsync_directory(self._folder)


@contextlib.contextmanager
def _no_room_is_an_error_of_ours() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError from error
        raise


def _fsync(file: BinaryIO) -> None:
    with _no_room_is_an_error_of_ours():
        file.flush()
        os.fsync(file.fileno())


def _discard(file: BinaryIO) -> None:
    # The name first: once the lock is gone, it could be another file's.
    Path(file.name).unlink(missing_ok=True)
    # On a full disk closing fails, too: there may be something left to write.
    with contextlib.suppress(OSError):
        file.close()


def _discard_if_abandoned(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return 1
    return 0
