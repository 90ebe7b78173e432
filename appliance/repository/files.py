"""The files of a repository as they lie there, read without any key.

All but one are named by the SHA-256 of their content, so that each can be verified by itself.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp

from appliance.core.files import private_directory, write_atomically
from appliance.core.timed_calls import NoAnswerError, TimedCalls
from appliance.repository.damage import FOLDERS, DamagedFile, FileKind
from appliance.repository.errors import (
    RepositoryMissingError,
    RepositorySilentError,
    RepositoryUnreadableError,
)
from appliance.repository.key_files import KeyFile, key_files

CONFIG = "config"
LOCKS = "locks"
_NAME = re.compile(r"[0-9a-f]{64}")
_SMALL = (FileKind.KEY, FileKind.SNAPSHOT, FileKind.INDEX)
_REST, _UNIX = "rest:", "http+unix://"
_LISTS = {"Accept": "application/vnd.x.restic.rest.v2"}
# A folder that does not answer a call for so long hangs. A gateway, which finds that out after
# the same time, has to say it before its reader gives up.
SILENCE_SECONDS, GATEWAY_SECONDS = 60.0, 90.0
_BAD_GATEWAY = 502
_LONGEST_REASON = 500
Result = TypeVar("Result")


class RepositoryFiles(Protocol):
    """The files of one repository. Each work raises RepositoryMissingError where it is not there.

    It raises RepositorySilentError where nothing answers, and RepositoryUnreadableError where a
    gateway to a copy says why that cannot be read.

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
    """A repository in a folder of this machine, which may be a share that does not answer."""

    folder: Path
    calls: TimedCalls = field(default_factory=lambda: TimedCalls(SILENCE_SECONDS), compare=False)

    async def names(self, folder: str) -> dict[str, int]:
        """Return the names of the files in a folder, with their sizes."""
        found: dict[str, int] = {}
        try:
            for one in await self.call(folders_of, self.folder, folder):
                found |= await self.call(sizes_in, one)
        except FileNotFoundError:
            return {}
        return found

    async def read(self, path: str) -> bytes | None:
        """Return the content of a file."""
        return await self.call(self._read, path)

    async def create(self) -> None:
        """Make the folders of a repository."""
        for name in (*FOLDERS, LOCKS):
            await self.call(private_directory, self.folder / name)

    async def add(self, path: str, content: bytes) -> None:
        """Add a file."""
        if await self.read(path) is None:
            await self.call(write_atomically, self.folder / path, content)

    async def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Make one call to the file system. Raises what it raises, and RepositorySilentError."""
        try:
            return await self.calls.run(function, *arguments)
        except NoAnswerError as error:
            seconds = round(self.calls.patience)
            raise RepositorySilentError(place=self.folder, seconds=seconds) from error

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
        place, seconds = self.socket or self.address, GATEWAY_SECONDS
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        try:
            async with (
                aiohttp.ClientSession(connector=self.connector(), timeout=timeout) as session,
                session.request(
                    method, f"{self.address}/{path}", headers=headers, data=content
                ) as response,
            ):
                if response.status == _BAD_GATEWAY:
                    reason = (await response.text(errors="replace"))[:_LONGEST_REASON]
                    raise RepositoryUnreadableError(place=place, reason=reason)
                if response.status != 404 or method != "GET":
                    response.raise_for_status()
                yield response
        except TimeoutError as error:
            raise RepositorySilentError(place=place, seconds=round(seconds)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RepositoryMissingError(place=place) from error


def entries_in(root: Path, kind: FileKind) -> Iterator[os.DirEntry[str]]:
    """Yield the files of a kind, but not of CONFIG, in a repository that is a folder.

    Raises OSError: a folder that cannot be listed must not look like one without files.
    """
    for folder in folders_of(root, kind):
        yield from _named(folder)


def folders_of(root: Path, kind: str) -> list[Path]:
    """Return the folders that hold the files of a kind, but not of CONFIG. Raises OSError."""
    folder = root / kind
    if kind != FileKind.PACK:
        return [folder]
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]


def sizes_in(folder: Path) -> dict[str, int]:
    """Return the names of the files of a repository in one folder, with their sizes."""
    return {entry.name: entry.stat().st_size for entry in _named(folder)}


def _named(folder: Path) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in os.scandir(folder) if _NAME.fullmatch(entry.name))


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
