"""The copies of two small files on the printed sheet: they stand in for files that are lost."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.offsite.gateway import Gateway, served
from appliance.offsite.places.opening import readable_at
from appliance.offsite.places.place import CONFIG_FILE, Readable, RepositoryFile
from appliance.repository.damage import FileKind
from appliance.repository.key_files import KeyFile, key_file
from appliance.repository.place import models_address
from appliance.restore.errors import RestoreRequestError
from appliance.restore.room import usable

# A number that is used once, and a sum: no sealed content is shorter.
SHORTEST_CONFIG = 32
_SOCKET = "repository.sock"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a person typed from the sheet; None for a file that was not typed.

    `key` is what the key file says without any key.
    """

    key_file: bytes | None = None
    config: bytes | None = None
    key: KeyFile | None = None

    @classmethod
    def typed(cls, key_file: str, config: str) -> Sheet:
        """Read what was typed. Raises RestoreRequestError for what is not whole."""
        content = decoded(key_file, "key file") if key_file else None
        sealed = decoded(config, "config") if config else None
        if sealed is not None and len(sealed) < SHORTEST_CONFIG:
            raise _incomplete("config")
        return cls(content, sealed, None if content is None else _key_of(content))

    @property
    def files(self) -> Mapping[RepositoryFile, bytes]:
        """The files with their places in a repository."""
        found = {}
        if self.key_file is not None:
            name = hashlib.sha256(self.key_file).hexdigest()
            found[RepositoryFile(FileKind.KEY, name)] = self.key_file
        if self.config is not None:
            found[CONFIG_FILE] = self.config
        return found

    @asynccontextmanager
    async def completing(
        self, settings: Settings, clock: Clock, address: str
    ) -> AsyncIterator[str]:
        """Lend an address at which the repository has the files of the sheet.

        The repository itself is not touched, so it may be read-only, and of any kind: a server in
        this process stands before it.
        """
        if not self.files:
            yield address
            return
        with usable(Path(tempfile.gettempdir())):
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="cloister-"))
        try:
            async with (
                readable_at(address) as present,
                # They have the same config and the same keys.
                readable_at(models_address(address)) as models,
            ):
                now = clock.monotonic()
                inside = Gateway(_Completed(models, self.files), clock, now)
                gateway = Gateway(_Completed(present, self.files), clock, now, inside)
                # The network of the package's service has no loopback.
                socket = folder / _SOCKET if settings.packaged else None
                async with served(gateway, socket) as completed:
                    yield completed
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Completed:
    """A repository in which the files of the sheet take the place of all others of their kind.

    So a damaged key file in the repository keeps no one from using the copy.
    """

    present: Readable
    files: Mapping[RepositoryFile, bytes]

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        if not self._has(kind):
            return await self.present.sizes(kind)
        return {file.name: len(self.files[file]) for file in self.files if file.kind is kind}

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        if not self._has(file.kind):
            return await self.present.size(file)
        return len(self.files[file]) if file in self.files else None

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        if file in self.files:
            yield self.files[file][offset : offset + length]
            return
        async for block in self.present.read(file, offset, length):
            yield block

    def _has(self, kind: FileKind) -> bool:
        return any(file.kind is kind for file in self.files)


def decoded(text: str, name: str) -> bytes:
    """Return a file of the sheet: key files are JSON, and may be typed as they are, in any lines.

    Raises RestoreRequestError, which calls the file by its `name`.
    """
    if text.lstrip().startswith("{"):
        return "".join(line.strip() for line in text.splitlines()).encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise _incomplete(name) from error


def _key_of(content: bytes) -> KeyFile:
    try:
        return key_file(hashlib.sha256(content).hexdigest(), content)
    except ValueError as error:
        raise _incomplete("key file") from error


def _incomplete(name: str) -> RestoreRequestError:
    reason = f"the copy of the {name} from the sheet is not complete, or has a wrong character"
    return RestoreRequestError(reason=reason)
