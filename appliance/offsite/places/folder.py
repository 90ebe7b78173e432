"""A copy in a folder: a second disk, or a share that the machine has mounted."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from appliance.core.errors import ApplianceError
from appliance.core.files import fsync_directory
from appliance.core.timed_calls import NoAnswerError, TimedCalls
from appliance.offsite.errors import (
    FileThereError,
    TargetFolderMissingError,
    TargetFullError,
    TargetNotMountedError,
    TargetReadOnlyError,
    TargetSilentError,
    TargetUnreachableError,
    TargetUnreadableError,
)
from appliance.offsite.model import Protection
from appliance.offsite.places.place import (
    BLOCK,
    ROOT_FOLDERS,
    SILENCE_SECONDS,
    Pace,
    RepositoryFile,
    blocks,
)
from appliance.repository.damage import FileKind
from appliance.repository.files import folders_of, sizes_in

Result = TypeVar("Result")

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
    """A Place in a folder that an operator has made: one made here could hide a missing disk.

    A disk or a share that does not answer is found out: TargetSilentError.
    """

    root: Path
    calls: TimedCalls = field(default_factory=lambda: TimedCalls(SILENCE_SECONDS))

    async def make(self) -> None:
        """Make the folder itself, inside one that was found to be the one on its disk."""
        await self._call(make_folder, self.root)

    async def prepare(self) -> None:
        """Write the file that shows that the disk is there, and the folders."""
        await self._call(self._prepare)

    async def expect_ready(self) -> None:
        """Return if the file from the set-up is there. Raises TargetNotMountedError."""
        if not await self._call((self.root / SENTINEL).is_file):
            raise TargetNotMountedError(place=self.root)
        await self._call(self._forget_partial)

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        if kind is FileKind.CONFIG:
            size = await self.size(RepositoryFile(kind))
            return {} if size is None else {"": size}
        # What copies files often leaves out empty folders.
        if not await self._call((self.root / kind).exists, reads=True):
            return {}
        found: dict[str, int] = {}
        for folder in await self._call(folders_of, self.root, kind, reads=True):
            found |= await self._call(sizes_in, folder, reads=True)
        return found

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        return await self._call(_size, self.root / file.path, reads=True)

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        path, flags = self.root / file.path, os.O_RDONLY | os.O_CLOEXEC
        descriptor = await self._call(os.open, path, flags, reads=True)
        try:
            while length > 0:
                size = min(BLOCK, length)
                block = await self._call(os.pread, descriptor, size, offset, reads=True)
                if not block:
                    return
                offset, length = offset + len(block), length - len(block)
                yield block
        finally:
            await self._tidy(os.close, descriptor)

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Write a file under a name of its own, and give it its name when it is on the disk."""
        partial = self.root / PARTIAL / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = await self._call(os.open, partial, flags, _FILE)
            try:
                for block in blocks(content):
                    await pace(len(block))
                    await self._call(_write_all, descriptor, block)
                await self._call(os.fsync, descriptor)
            finally:
                await self._tidy(os.close, descriptor)
            await self._call(_publish, partial, self.root / file.path)
        finally:
            await self._tidy(partial.unlink)

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Delete a file; the account that copies owns it."""
        return await self._call(_try_to_delete, self.root / file.path)

    async def free(self) -> int | None:
        """Return the bytes that are left on the disk."""
        return (await self._call(shutil.disk_usage, self.root, reads=True)).free

    def _prepare(self) -> None:
        for name in (*ROOT_FOLDERS, "locks", PARTIAL):
            make_folder(self.root / name)
        sentinel = self.root / SENTINEL
        if not sentinel.exists():
            sentinel.write_bytes(_SENTINEL_TEXT)
            fsync_directory(self.root)

    def _forget_partial(self) -> None:
        for path in (self.root / PARTIAL).iterdir():
            path.unlink(missing_ok=True)

    async def _call(
        self, function: Callable[..., Result], *arguments: object, reads: bool = False
    ) -> Result:
        """Make one call to the file system; what it raises is put into words."""
        try:
            return await self.calls.run(self._in_words, function, arguments, reads=reads)
        except NoAnswerError as error:
            seconds = round(self.calls.patience)
            raise TargetSilentError(place=self.root, seconds=seconds) from error

    async def _tidy(self, function: Callable[..., object], *arguments: object) -> None:
        """Make a call that need not succeed: what it leaves ends with the process, or a copy."""
        with contextlib.suppress(OSError, NoAnswerError):
            await self.calls.run(function, *arguments)

    def _in_words(
        self, function: Callable[..., Result], arguments: Sequence[object], *, reads: bool
    ) -> Result:
        try:
            return function(*arguments)
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


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _try_to_delete(path: Path) -> Protection:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return Protection.APPEND_ONLY
    return Protection.NONE


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
