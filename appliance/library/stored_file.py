"""A stored file that is read from its beginning to its end and compared with its digest."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Self

from appliance.core.variables import MEBIBYTE
from appliance.library.errors import FileDamagedError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

PIECE = MEBIBYTE
# What the kernel answers where a disk cannot give back what was written.
_UNREADABLE = {errno.EIO, errno.EUCLEAN, errno.EBADMSG}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file system says about a file without reading it.

    `device` and `inode` tell a file from another one that took its name since.
    """

    device: int
    inode: int
    size: int

    @classmethod
    def of(cls, found: os.stat_result) -> Self:
        """Return the facts of what `stat` found."""
        return cls(found.st_dev, found.st_ino, found.st_size)


class StoredFile:
    """An open file. With an `executor` it is read in the executor's threads."""

    def __init__(self, file: BinaryIO, digest: str, executor: Executor | None = None) -> None:
        self._file = file
        self._digest = digest
        self._executor = executor

    @property
    def facts(self) -> FileFacts:
        """The facts of the file that is open, whatever has its name by now."""
        return FileFacts.of(os.fstat(self._file.fileno()))

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the content; the last piece only after the whole content proved right.

        So no reader gets a complete file that is wrong. Raises FileDamagedError.
        """
        loop, digest, held = asyncio.get_running_loop(), hashlib.sha256(), b""
        while piece := await loop.run_in_executor(self._executor, self._next, digest):
            if held:
                yield held
            held = piece
        if digest.hexdigest() != self._digest:
            raise FileDamagedError
        yield held

    async def forget_cached(self) -> None:
        """Drop what the kernel keeps of the file in memory, so that the disk itself is read."""
        loop, descriptor = asyncio.get_running_loop(), self._file.fileno()
        await loop.run_in_executor(
            self._executor, os.posix_fadvise, descriptor, 0, 0, os.POSIX_FADV_DONTNEED
        )

    def _next(self, digest: Hash) -> bytes:
        try:
            piece = self._file.read(PIECE)
        except OSError as error:
            if error.errno in _UNREADABLE:
                raise FileDamagedError from error
            raise
        digest.update(piece)
        return piece
