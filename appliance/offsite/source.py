"""The files of this machine's repository, as a copy reads them: each is verified by its name."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.offsite.places.place import CONFIG_FILE, RepositoryFile
from appliance.offsite.plan import LISTED, Sizes
from appliance.repository.damage import FileKind
from appliance.repository.errors import RepositoryFailedError, RepositoryMissingError
from appliance.repository.files import entries_in

# No file of a repository is larger; a name that leads to more is not read into memory.
_LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A repository in a folder, whose owner does not remove anything meanwhile."""

    folder: Path

    async def config(self) -> bytes:
        """Return what names the repository. Raises RepositoryMissingError."""
        content = await self.read(CONFIG_FILE)
        if not content:
            raise RepositoryMissingError(place=self.folder)
        return content

    async def sizes(self) -> Sizes:
        """Return all files, in the order in which nothing that a file names can be missed.

        A folder that cannot be read is an error, and never one without files. A file that cannot
        be read came after the others were opened to this account, which is done in the same order:
        the next copy brings it.
        """
        return {kind: await asyncio.to_thread(self._sizes, kind) for kind in LISTED}

    async def newest(self, here: Sizes) -> datetime | None:
        """Return when the newest of these snapshots was made; None without any."""
        times = [
            await asyncio.to_thread(_written_at, self.folder / kind / name)
            for kind in (FileKind.SNAPSHOT,)
            for name in here[kind]
        ]
        return max(times, default=None)

    async def read(self, file: RepositoryFile) -> bytes | None:
        """Return a file's content; None if it is not what its name says, or is gone.

        Raises RepositoryFailedError for one that this account may not read.
        """
        return await asyncio.to_thread(self._read, file)

    def _sizes(self, kind: FileKind) -> Mapping[str, int]:
        try:
            if kind is FileKind.CONFIG:
                return {"": (self.folder / CONFIG_FILE.path).stat().st_size}
            found = filter(_is_open, entries_in(self.folder, kind))
            return {entry.name: entry.stat().st_size for entry in found}
        except OSError as error:
            raise _unreadable(error) from error

    def _read(self, file: RepositoryFile) -> bytes | None:
        path = self.folder / file.path
        try:
            if path.stat().st_size > _LARGEST:
                return None
            content = path.read_bytes()
        except PermissionError as error:
            raise _unreadable(error) from error
        except OSError:
            return None
        if file.kind is FileKind.CONFIG:
            return content
        return content if hashlib.sha256(content).hexdigest() == file.name else None


def _is_open(entry: os.DirEntry[str]) -> bool:
    """Whether a file may be read. Its server keeps a new one to itself, until the next copy.

    Snapshots are opened before what they need, so that nothing is missed of one that is.
    """
    return os.access(entry.path, os.R_OK)


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _unreadable(error: OSError) -> RepositoryFailedError:
    return RepositoryFailedError(work="copy", reason=error.strerror or type(error).__name__)
