"""The files of a repository as they lie there, read without any key.

All but one are named by the SHA-256 of their content, so that each can be verified by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from appliance.core.files import private_directory, write_atomically
from appliance.repository.damage import FOLDERS, DamagedFile, FileKind
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.key_files import KeyFile, key_files

CONFIG = "config"
LOCKS = "locks"
_NAME = re.compile(r"[0-9a-f]{64}")
_SMALL = (FileKind.KEY, FileKind.SNAPSHOT, FileKind.INDEX)
_REST, _UNIX = "rest:", "http+unix://"
_LISTS = {"Accept": "application/vnd.x.restic.rest.v2"}
_TIMEOUT = aiohttp.ClientTimeout(total=120.0)


class RepositoryFiles(Protocol):
    """The files of one repository. Each work raises RepositoryMissingError where it is not there.

    A folder is `keys`, `snapshots`, `index`, `data` or `locks`.
    """

    async def names(self, folder: str) -> dict[str, int]:
        """Return the names of the files in a folder, with their sizes."""
        ...

    async def read(self, path: str) -> bytes | None:
        """Return the content of `config`, or of `folder/name`; None where there is no such file."""
        ...

    async def create(self) -> None:
        """Make the folders of a repository. Raises RepositoryMissingError."""
        ...

    async def add(self, path: str, content: bytes) -> None:
        """Add `config`, or a key file; one that is there stays as it is."""
        ...


def files_at(address: str) -> RepositoryFiles:
    """Return the files of the repository at an address of restic: a folder, or a REST server."""
    found = server_at(address)
    return FolderFiles(Path(address)) if found is None else found


def server_at(address: str) -> ServerFiles | None:
    """Return the server that an address of restic names; None for a folder."""
    if not address.startswith(_REST):
        return None
    place = address.removeprefix(_REST)
    if not place.startswith(_UNIX):
        return ServerFiles(place.rstrip("/"))
    socket, _, path = place.removeprefix(_UNIX).rpartition(":")
    return ServerFiles(f"http://localhost{path.rstrip('/')}", socket)


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """A repository in a folder of this machine."""

    folder: Path

    async def names(self, folder: str) -> dict[str, int]:
        """Return the names of the files in a folder, with their sizes."""
        return await asyncio.to_thread(self._names, folder)

    async def read(self, path: str) -> bytes | None:
        """Return the content of a file."""
        return await asyncio.to_thread(self._read, path)

    async def create(self) -> None:
        """Make the folders of a repository."""
        for name in (*FOLDERS, LOCKS):
            await asyncio.to_thread(private_directory, self.folder / name)

    async def add(self, path: str, content: bytes) -> None:
        """Add a file."""
        if await self.read(path) is None:
            await asyncio.to_thread(write_atomically, self.folder / path, content)

    def _names(self, folder: str) -> dict[str, int]:
        pattern = "*/*" if folder == FileKind.PACK else "*"
        found = (self.folder / folder).glob(pattern)
        return {path.name: path.stat().st_size for path in found if _NAME.fullmatch(path.name)}

    def _read(self, path: str) -> bytes | None:
        folder, _, name = path.rpartition("/")
        spread = f"{folder}/{name[:2]}/{name}" if folder == FileKind.PACK else path
        try:
            return (self.folder / spread).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RepositoryMissingError(place=self.folder) from error


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """A repository behind a REST server, on a unix socket or at an address of this machine."""

    address: str
    socket: str | None = None

    async def names(self, folder: str) -> dict[str, int]:
        """Return the names of the files in a folder, with their sizes."""
        async with self._answer(f"{folder}/", _LISTS) as response:
            if response.status == 404:
                return {}
            listed: list[dict[str, Any]] = await response.json(content_type=None)
        return {
            str(entry["name"]): int(entry["size"])
            for entry in listed or ()
            if _NAME.fullmatch(str(entry["name"]))
        }

    async def read(self, path: str) -> bytes | None:
        """Return the content of a file."""
        async with self._answer(path) as response:
            return None if response.status == 404 else await response.read()

    async def create(self) -> None:
        """Have the server make the folders of a repository."""
        async with self._answer("?create=true", method="POST"):
            pass

    async def add(self, path: str, content: bytes) -> None:
        """Send a file. The server replaces none."""
        if await self.read(path) is None:
            async with self._answer(path, method="POST", content=content):
                pass

    def connector(self) -> aiohttp.BaseConnector:
        """Return what connects to the server."""
        return aiohttp.UnixConnector(self.socket) if self.socket else aiohttp.TCPConnector()

    @asynccontextmanager
    async def _answer(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        content: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with (
                aiohttp.ClientSession(connector=self.connector(), timeout=_TIMEOUT) as session,
                session.request(
                    method, f"{self.address}/{path}", headers=headers, data=content
                ) as response,
            ):
                if response.status != 404 or method != "GET":
                    response.raise_for_status()
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RepositoryMissingError(place=self.socket or self.address) from error


def entries_in(root: Path, kind: FileKind) -> Iterator[os.DirEntry[str]]:
    """Yield the files of a kind, but not of CONFIG, in a repository that is a folder.

    Raises OSError: a folder that cannot be listed must not look like one without files.
    """
    folders = [root / kind]
    if kind is FileKind.PACK:
        folders = [Path(entry.path) for entry in os.scandir(folders[0]) if entry.is_dir()]
    for folder in folders:
        yield from (entry for entry in os.scandir(folder) if _NAME.fullmatch(entry.name))


async def keys_of(files: RepositoryFiles) -> tuple[KeyFile, ...]:
    """Return the keys of a repository, the oldest first; damaged key files are left out."""
    contents = {
        name: content
        for name in await files.names(FileKind.KEY)
        if (content := await files.read(f"{FileKind.KEY}/{name}")) is not None
    }
    return key_files(contents)


async def size_of(files: RepositoryFiles) -> int:
    """Return how much room a repository takes."""
    return sum([sum((await files.names(kind)).values()) for kind in FOLDERS])


async def renamed_or_changed(
    files: RepositoryFiles, kinds: Sequence[FileKind] = _SMALL
) -> tuple[DamagedFile, ...]:
    """Return the small files whose content is not what their name says.

    The program's own check does not look at the keys that it was not opened with.
    """
    found = []
    for kind in kinds:
        for name in await files.names(kind):
            content = await files.read(f"{kind}/{name}")
            # A file that is gone meanwhile was removed by its owner.
            if content is not None and hashlib.sha256(content).hexdigest() != name:
                found.append(DamagedFile(kind, name))
    return tuple(found)
