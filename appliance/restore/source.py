"""Open the repository that a restore or a drill reads: never changing anything in it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.settings import Settings
from appliance.operations.catalog import MOST_TARGETS
from appliance.repository.damage import FileKind, damaged
from appliance.repository.errors import KeyRefusedError, RepositoryMissingError
from appliance.repository.files import (
    CONFIG,
    RepositoryFiles,
    files_at,
    keys_of,
    renamed_or_changed,
)
from appliance.repository.key_files import refusal
from appliance.repository.model import Snapshot
from appliance.repository.place import machine_key, own_address
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from appliance.restore.errors import GatewayMissingError, RestoreRequestError
from appliance.restore.model import Place
from appliance.restore.room import usable

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Source:
    """A repository that opens: `id` is its own, `name` is `local`, or the number of a target.

    What a snapshot holds is read once: each work on the repository derives its keys again.
    """

    name: str
    repository: Repository
    files: RepositoryFiles
    id: str
    _listed: dict[str, dict[str, int]] = field(default_factory=dict)

    async def listed(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the paths of all files of a snapshot, with their sizes."""
        if snapshot.id not in self._listed:
            self._listed[snapshot.id] = await self.repository.files(snapshot.id)
        return self._listed[snapshot.id]


@asynccontextmanager
async def opened(settings: Settings, place: Place) -> AsyncIterator[Source]:
    """Lend the repository of a place, opened by its key, without a cache and without locks.

    Raises KeyMistypedError before the repository is read, then RepositoryMissingError,
    KeyRetiredError, KeyUnknownError, KeyRefusedError, RepositoryDamagedError.
    """
    recovery = None if place.key is None else RecoveryKey.parse(place.key.strip())
    address = await asyncio.to_thread(_address, settings, place)
    async with _completed(address, place) as whole:
        files = files_at(whole)
        if await files.read(CONFIG) is None:
            raise RepositoryMissingError(place=address)
        password = recovery.password if recovery else machine_key(settings)
        repository = Repository(whole, password, is_read_only=True)
        try:
            opened_id = await repository.open()
        except KeyRefusedError as error:
            raise await _why(files, recovery) or error from error
        name = str(place.source) if place.source else LOCAL
        yield Source(name, repository, files, opened_id)


def _address(settings: Settings, place: Place) -> str:
    """Return the address of restic at which this process reaches the place."""
    if place.address:
        return place.address
    if place.source == 0:
        return own_address(settings)
    if place.source > MOST_TARGETS:
        raise RestoreRequestError(reason=f"there is no target {place.source}")
    folder, number = settings.run / "offsite", place.source
    try:
        return (folder / f"{number}.address").read_text().strip()
    except OSError:
        socket = folder / f"{number}.sock"
        if not socket.exists():
            raise GatewayMissingError(target=number) from None
        return f"rest:http+unix://{socket}:/"


async def _why(files: RepositoryFiles, recovery: RecoveryKey | None) -> Exception | None:
    """Say why a key does not open the repository, from what can be read without any key."""
    changed = [file for file in await renamed_or_changed(files) if file.kind is FileKind.KEY]
    keys = await keys_of(files)
    if recovery is not None and all(recovery.fingerprint != key.fingerprint for key in keys):
        if changed and not any(key.fingerprint for key in keys):
            return damaged(changed)
        return refusal(recovery.fingerprint, keys)
    return damaged(changed) if changed else None


@asynccontextmanager
async def _completed(address: str, place: Place) -> AsyncIterator[str]:
    """Lend an address whose repository has the key file and the config of the printed sheet.

    The files of the repository itself are not touched: a folder of links stands in for it.
    """
    if not (place.key_file or place.config):
        yield address
        return
    if ":" in address.partition("/")[0]:
        raise RestoreRequestError(reason="copies of key file and config need a folder")
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="cloister-"))
    try:
        with usable(folder):
            await asyncio.to_thread(_link, Path(address), folder, place)
        yield str(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _link(repository: Path, folder: Path, place: Place) -> None:
    for kind in (FileKind.PACK, FileKind.INDEX, FileKind.SNAPSHOT):
        (folder / kind).symlink_to(repository / kind)
    keys = folder / FileKind.KEY
    if place.key_file:
        content = decoded(place.key_file)
        keys.mkdir()
        (keys / hashlib.sha256(content).hexdigest()).write_bytes(content)
    else:
        keys.symlink_to(repository / FileKind.KEY)
    config = folder / CONFIG
    if place.config:
        config.write_bytes(decoded(place.config))
    else:
        config.symlink_to(repository / CONFIG)


def decoded(text: str) -> bytes:
    """Return a file of the sheet: key files are JSON and may be typed as they are.

    Raises RestoreRequestError.
    """
    if text.lstrip().startswith("{"):
        return text.strip().encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise RestoreRequestError(reason="a copy from the sheet is not complete") from error
