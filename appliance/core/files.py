"""Write files completely or not at all, also across a power cut."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from appliance.core.errors import ApplianceError

PRIVATE = 0o700
_FULL_BELOW = 1024 * 1024
Word = TypeVar("Word", bound=StrEnum)


class HomeUnusableError(ApplianceError):
    """The supervisor cannot make its folders. Facts: `path`, `reason`."""

    code = "home_unusable"
    sentence = "“{path}” cannot be used for Cloister's data: {reason}."
    hint = "Set CLOISTER_HOME to a folder that this account may write, or give it this one."


@contextmanager
def os_errors_as(kind: type[ApplianceError], place: Path) -> Iterator[None]:
    """Turn what the system says against a file at a place into an error with `place` and `reason`.

    The error names the file itself where the system does.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise kind(place=error.filename or place, reason=reason) from error


@contextmanager
def locked_alone(path: Path, refusal: ApplianceError) -> Iterator[None]:
    """Hold the lock on a file. Raises `refusal` while another process holds it, and OSError."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        yield


def free_in(folder: Path) -> int:
    """Return the room on the disk of a folder that need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def is_full(folder: Path) -> bool:
    """Say whether the disk of a folder has no room left: programs write larger pieces than that."""
    return free_in(folder) < _FULL_BELOW


def has_size(path: Path, size: int) -> bool:
    """Say whether a file of this size is there; its content is not read."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def sync_file(path: Path, mode: int) -> None:
    """Give a file its rights, and have its content on the disk before a rename counts."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_directory(directory: Path) -> None:
    """Make the names in `directory` durable: a rename is only safe after this."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `content`: a reader, or a crash, sees the old file or the new one."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def keep_written(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write `content` unless the file already has it.

    A start on a full disk must succeed if nothing has changed.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_atomically(path, content, mode=mode)


def read_small(path: Path, most: int) -> bytes | None:
    """Return up to `most` bytes of a file that another account may have put there.

    A link is not followed, and a pipe is not waited for: both count as no file, as does one that
    cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None


async def read_word(path: Path, kind: type[Word]) -> Word | None:
    """Return the word that a small file holds; None without the file, or with another word."""
    try:
        return kind((await asyncio.to_thread(path.read_text)).strip())
    except (OSError, ValueError):
        return None


def private_directory(directory: Path, *, mode: int = PRIVATE) -> Path:
    """Create `directory` and its parents, accessible to no other account, and return it."""
    directory.mkdir(parents=True, exist_ok=True, mode=mode)
    # mkdir applies the umask, and does not change a directory that exists.
    directory.chmod(mode)
    return directory
