"""The files that paths on the command line mean, opened while root is still root.

A folder may belong to any account, and its owner must not be able to make root read a
file for them that they may not read. So below a folder nothing is reached by its path: each name
is opened in the open folder that has it, links are left out, and only regular files are taken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from appliance.cli.errors import NoSuchFileError

# A pipe that replaces a file meanwhile must not make us wait.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Source:
    """An open file, and the path under which people know it."""

    path: Path
    file: BinaryIO


@dataclass(slots=True)
class Sources:
    """What was found: `links` counts the symbolic links in folders that were left out."""

    found: list[Source] = field(default_factory=list)
    links: int = 0

    @classmethod
    def of(cls, paths: list[Path]) -> Sources:
        """Open every file that paths name, and every one below folders that they name.

        A path itself may be a link: the person who typed it means its target. Raises
        NoSuchFileError.
        """
        sources = cls()
        try:
            for path in paths:
                with _said_of(path):
                    sources._take_named(path)
        except NoSuchFileError:
            sources.close()
            raise
        return sources

    def close(self) -> None:
        """Close all files."""
        for source in self.found:
            source.file.close()

    def _take_named(self, path: Path) -> None:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise NoSuchFileError(path=path, reason="it is neither a file nor a folder")
        self._take(path, os.open(path, _READ))

    def _take(self, path: Path, descriptor: int) -> None:
        """Keep an open file, or all that is in an open folder."""
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            self.found.append(Source(path, os.fdopen(descriptor, "rb", buffering=0)))
            return
        try:
            for name in sorted(os.listdir(descriptor)) if stat.S_ISDIR(mode) else ():
                with _said_of(path / name):
                    self._take_from(descriptor, path / name)
        finally:
            os.close(descriptor)

    def _take_from(self, folder: int, path: Path) -> None:
        """Take one entry of an open folder; what is looked at first may be another one already."""
        mode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            self.links += 1
        elif stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            self._take(path, os.open(path.name, _READ | os.O_NOFOLLOW, dir_fd=folder))


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Say which path the system refused, and why."""
    try:
        yield
    except FileNotFoundError as error:
        raise NoSuchFileError(path=path, reason="there is nothing at this path") from error
    except OSError as error:
        raise NoSuchFileError(path=path, reason=error.strerror) from error
