"""A copy on another machine, through SFTP. The only place that loads asyncssh."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import asyncssh
from typing_extensions import override

from appliance.core.errors import ApplianceError
from appliance.offsite.errors import (
    FileThereError,
    TargetFailedError,
    TargetFullError,
    TargetReadOnlyError,
    TargetRefusedError,
    TargetUnprovenError,
    TargetUnreachableError,
)
from appliance.offsite.model import Protection, Target
from appliance.offsite.places.place import (
    BLOCK,
    CONNECT_SECONDS,
    ROOT_FOLDERS,
    SILENCE_SECONDS,
    Pace,
    RepositoryFile,
    blocks,
)
from appliance.repository.damage import FileKind

PARTIAL = "tmp"
_NAME = re.compile(r"[0-9a-f]{64}")
_PRIVATE_KEY = "-----BEGIN"


class _PinnedHost(asyncssh.SSHClient):
    """Trusts one key: the one whose fingerprint an operator has compared."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        self.found = ""

    @override
    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.found = key.get_fingerprint("sha256")
        return secrets.compare_digest(self.found, self.expected)


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[SftpPlace]:
    """Lend the place while a connection to its machine is open."""
    address = urlsplit(target.place)
    root = unquote(address.path) or "."
    host = _PinnedHost(target.identity)
    with _in_words(target.place, host):
        async with asyncio.timeout(SILENCE_SECONDS):
            connection = await asyncssh.connect(
                address.hostname or "",
                address.port or 22,
                client_factory=lambda: host,
                username=target.user,
                # Neither the files nor the agent of an account of this machine have a say.
                config=None,
                agent_path=None,
                known_hosts=([], [], []),
                x509_trusted_certs=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=SILENCE_SECONDS,
                keepalive_interval=SILENCE_SECONDS / 4,
                **_secret(target),
            )
    async with connection:
        with _in_words(target.place, host):
            client = await connection.start_sftp_client()
        async with client:
            yield SftpPlace(client, root, target.place)


def _secret(target: Target) -> dict[str, object]:
    """Return how the user proves who they are: by a private key, or by a password."""
    if not target.secret.lstrip().startswith(_PRIVATE_KEY):
        return {"password": target.secret, "client_keys": None}
    try:
        key = asyncssh.import_private_key(target.secret)
    except (asyncssh.KeyImportError, ValueError):
        raise TargetRefusedError(place=target.place) from None
    return {"client_keys": [key], "password": None}


@dataclass(slots=True)
class SftpPlace:
    """A Place below a folder of another machine."""

    client: asyncssh.SFTPClient
    root: str
    place: str
    _folders: set[str] = field(default_factory=set)

    async def prepare(self) -> None:
        """Make the folders."""
        async with self._request():
            await self.client.makedirs(self.root, exist_ok=True)
            for name in (*ROOT_FOLDERS, "locks", PARTIAL):
                await self._make_folder(name)

    async def expect_ready(self) -> None:
        """Remove what an earlier copy left half written, if it may be removed."""
        await self.prepare()
        async with self._request():
            for name in await self.client.listdir(self._path(PARTIAL)):
                with contextlib.suppress(asyncssh.SFTPError):
                    await self.client.remove(self._path(PARTIAL, str(name)))

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        if kind is FileKind.CONFIG:
            size = await self.size(RepositoryFile(kind))
            return {} if size is None else {"": size}
        folders = [self._path(kind)]
        if kind is FileKind.PACK:
            found = await self._entries(folders[0])
            folders = [self._path(kind, name) for name in found if len(name) == 2 and name != ".."]
        listed = [await self._entries(folder) for folder in folders]
        return {
            name: size
            for entries in listed
            for name, size in entries.items()
            if _NAME.fullmatch(name)
        }

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        async with self._request():
            try:
                return (await self.client.stat(self._path(file.path))).size
            except asyncssh.SFTPNoSuchFile:
                return None

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        with self._in_words():
            async with self.client.open(self._path(file.path), "rb") as opened:
                while length > 0:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        block = bytes(await opened.read(min(BLOCK, length), offset))  # type: ignore[arg-type]
                    if not block:
                        return
                    offset, length = offset + len(block), length - len(block)
                    yield block

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Write a file under a name of its own, and rename it; a rename takes no name twice."""
        partial, path = self._path(PARTIAL, secrets.token_hex(8)), self._path(file.path)
        with self._in_words():
            try:
                await self._write(partial, content, pace)
            except asyncssh.SFTPFailure:
                # The protocol of most servers has no word for a full disk.
                if ((free := await self.free()) is not None) and free < len(content):
                    raise TargetFullError(place=self.place) from None
                raise
            await self._make_folder(posixpath.dirname(file.path))
            try:
                await self.client.rename(partial, path)
            except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                if await self.client.exists(path):
                    raise FileThereError from None
                raise

    async def _write(self, path: str, content: bytes, pace: Pace) -> None:
        """Write a file that is not there; of one that could not be written nothing stays."""
        try:
            async with self.client.open(path, "wb") as opened:
                for block in blocks(content):
                    await pace(len(block))
                    await opened.write(block)
                # Not every server can be asked to write to its disk at once.
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await opened.fsync()
        except asyncssh.SFTPError:
            with contextlib.suppress(asyncssh.Error, OSError):
                await self.client.remove(path)
            raise

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Delete a file, if the server lets this account do it."""
        async with self._request():
            try:
                await self.client.remove(self._path(file.path))
            except asyncssh.SFTPNoSuchFile:
                return Protection.NONE
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure):
                return Protection.APPEND_ONLY
        return Protection.NONE

    async def free(self) -> int | None:
        """Return the bytes that are left, where the server says it."""
        async with self._request():
            try:
                found = await self.client.statvfs(self.root)
            except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure):
                return None
        return found.bavail * found.frsize

    async def _entries(self, folder: str) -> dict[str, int]:
        async with self._request():
            try:
                found = await self.client.readdir(folder)
            except asyncssh.SFTPNoSuchFile:
                return {}
        return {str(entry.filename): entry.attrs.size or 0 for entry in found}

    async def _make_folder(self, name: str) -> None:
        if name and name not in self._folders:
            await self.client.makedirs(self._path(name), exist_ok=True)
            self._folders.add(name)

    def _path(self, *names: str) -> str:
        return posixpath.join(self.root, *names)

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[None]:
        """Give one short request its deadline."""
        with self._in_words():
            async with asyncio.timeout(SILENCE_SECONDS):
                yield

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        with _in_words(self.place, None):
            yield


@contextmanager
def _in_words(place: str, host: _PinnedHost | None) -> Iterator[None]:
    """Raise the errors of SSH and SFTP as ours; none of its words are passed on."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        found = host.found if host else ""
        expected = (host.expected if host else "") or "no fingerprint that is known"
        raise TargetUnprovenError(place=place, found=found, expected=expected) from error
    except asyncssh.PermissionDenied:
        # Without the cause: the protocol's own words have no place in a log.
        raise TargetRefusedError(place=place) from None
    except asyncssh.SFTPError as error:
        raise _sftp_words(place, error) from error
    except TimeoutError as error:
        raise TargetUnreachableError(place=place, reason="it does not answer") from error
    except (OSError, asyncssh.Error) as error:
        reason = getattr(error, "strerror", None) or "the connection ended"
        raise TargetUnreachableError(place=place, reason=reason) from error


def _sftp_words(place: str, error: asyncssh.SFTPError) -> ApplianceError:
    match error:
        case asyncssh.SFTPNoSpaceOnFilesystem() | asyncssh.SFTPQuotaExceeded():
            return TargetFullError(place=place)
        case asyncssh.SFTPPermissionDenied() | asyncssh.SFTPWriteProtect():
            return TargetReadOnlyError(place=place)
        case asyncssh.SFTPConnectionLost() | asyncssh.SFTPNoConnection():
            return TargetUnreachableError(place=place, reason="the connection ended")
        case _:
            return TargetFailedError(place=place, reason=f"SFTP status {error.code}")
