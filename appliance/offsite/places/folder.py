"""A copy in a folder: a second disk, or a share that the machine has mounted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pwd
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import ApplianceError
from appliance.core.files import fsync_directory
from appliance.offsite.errors import (
    FileThereError,
    TargetFolderMissingError,
    TargetFullError,
    TargetNotMountedError,
    TargetReadOnlyError,
    TargetUnreachableError,
    TargetUnreadableError,
)
from appliance.offsite.model import Protection
from appliance.offsite.places.place import BLOCK, ROOT_FOLDERS, Pace, RepositoryFile, blocks
from appliance.repository.damage import FileKind
from appliance.repository.files import entries_in

SENTINEL = "cloister-target"
_SENTINEL_TEXT = b"Cloister copies encrypted backups to this folder. Do not remove this file.\n"
# What is not whole yet; restic does not look here.
PARTIAL = "tmp"
# The unit's umask lets its group use the files: the owner of the repository prunes them. Folders
# get the set-group-id bit from the one above; a sealed service cannot set it.
_FILE, _FOLDER = 0o660, 0o770
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_REFUSED = {errno.EACCES, errno.EPERM}
# Packaged, copies are written by the one and pruned by the other.
_OWNER = "cloister-offsite:cloister-repository"
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A Place in a folder that an operator has made: one made here could hide a missing disk."""

    root: Path

    async def prepare(self) -> None:
        """Write the file that shows that the disk is there, and the folders."""
        await asyncio.to_thread(self._prepare)

    async def expect_ready(self) -> None:
        """Return if the file from the set-up is there. Raises TargetNotMountedError."""
        with self._in_words():
            if not await asyncio.to_thread((self.root / SENTINEL).is_file):
                raise TargetNotMountedError(place=self.root)
            await asyncio.to_thread(self._forget_partial)

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        return await asyncio.to_thread(self._sizes, kind)

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        return await asyncio.to_thread(self._size, file)

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        with self._in_words(reads=True):
            opened = await asyncio.to_thread((self.root / file.path).open, "rb")
            with opened:
                await asyncio.to_thread(opened.seek, offset)
                while length > 0:
                    block = await asyncio.to_thread(opened.read, min(BLOCK, length))
                    if not block:
                        return
                    length -= len(block)
                    yield block

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Write a file under a name of its own, and give it its name when it is on the disk."""
        partial = self.root / PARTIAL / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with self._in_words():
                descriptor = await asyncio.to_thread(os.open, partial, flags, _FILE)
                with os.fdopen(descriptor, "wb", buffering=0) as opened:
                    for block in blocks(content):
                        await pace(len(block))
                        await asyncio.to_thread(_write_all, opened.fileno(), block)
                    await asyncio.to_thread(os.fsync, descriptor)
                await asyncio.to_thread(_publish, partial, self.root / file.path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Delete a file; the account that copies owns it."""
        try:
            await asyncio.to_thread((self.root / file.path).unlink)
        except PermissionError:
            return Protection.APPEND_ONLY
        except FileNotFoundError:
            pass
        return Protection.NONE

    async def free(self) -> int | None:
        """Return the bytes that are left on the disk."""
        with self._in_words(reads=True):
            return (await asyncio.to_thread(shutil.disk_usage, self.root)).free

    def _prepare(self) -> None:
        with self._in_words():
            for name in (*ROOT_FOLDERS, "locks", PARTIAL):
                make_folder(self.root / name)
            sentinel = self.root / SENTINEL
            if not sentinel.exists():
                sentinel.write_bytes(_SENTINEL_TEXT)
                fsync_directory(self.root)

    def _forget_partial(self) -> None:
        for path in (self.root / PARTIAL).iterdir():
            path.unlink(missing_ok=True)

    def _sizes(self, kind: FileKind) -> dict[str, int]:
        with self._in_words(reads=True):
            if kind is FileKind.CONFIG:
                size = self._size(RepositoryFile(kind))
                return {} if size is None else {"": size}
            # What copies files often leaves out empty folders.
            if not (self.root / kind).exists():
                return {}
            return {entry.name: entry.stat().st_size for entry in entries_in(self.root, kind)}

    def _size(self, file: RepositoryFile) -> int | None:
        with self._in_words(reads=True):
            try:
                return (self.root / file.path).stat().st_size
            except FileNotFoundError:
                return None

    @contextmanager
    def _in_words(self, *, reads: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._words(error, reads=reads) from error

    def _words(self, error: OSError, *, reads: bool) -> ApplianceError:
        if reads and error.errno in _REFUSED:
            account = pwd.getpwuid(os.geteuid()).pw_name
            owner = _OWNER if _OWNER.startswith(f"{account}:") else account
            return TargetUnreadableError(place=self.root, account=account, owner=owner)
        if error.errno in _FULL:
            return TargetFullError(place=self.root)
        if error.errno in _READ_ONLY:
            return TargetReadOnlyError(place=self.root)
        if error.errno == errno.ENOENT and not self.root.exists():
            return TargetFolderMissingError(place=self.root)
        reason = error.strerror or type(error).__name__
        return TargetUnreachableError(place=self.root, reason=reason)


def make_folder(path: Path) -> None:
    """Make a folder in one that is there, durably. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=_FOLDER)
        fsync_directory(path.parent)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _publish(partial: Path, path: Path) -> None:
    """Give a file its name, unless the name is taken; both survive a power cut."""
    make_folder(path.parent)
    try:
        os.link(partial, path)
    except FileExistsError:
        raise FileThereError from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links, such as that of a memory stick. No other process writes here.
        if path.exists():
            raise FileThereError from None
        partial.rename(path)
    fsync_directory(path.parent)
