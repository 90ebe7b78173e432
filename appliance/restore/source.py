"""Open the repository that a restore or a drill reads: never changing anything in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.core.clock import Clock
from appliance.core.settings import MOST_TARGETS, Settings
from appliance.repository.errors import KeyRefusedError, RepositoryDamagedError
from appliance.repository.files import RepositoryFiles, files_at
from appliance.repository.model import Snapshot
from appliance.repository.place import copy_address, machine_key, own_address
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from appliance.restore.closed import Closed
from appliance.restore.errors import RestoreRequestError
from appliance.restore.model import Place
from appliance.restore.sheet import Sheet

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
async def opened(settings: Settings, clock: Clock, place: Place) -> AsyncIterator[Source]:
    """Lend the repository of a place, opened by its key, without a cache and without locks.

    Raises KeyMistypedError and RestoreRequestError before the repository is read; then
    RepositoryMissingError, KeyRetiredError, KeyUnknownError and KeyRefusedError;
    SmallFileLostError and SmallFileDamagedError, which name a file of which the sheet has a copy;
    SheetUnfitError for such a copy.
    """
    recovery = None if place.key is None else RecoveryKey.parse(place.key.strip())
    sheet = Sheet.typed(place.key_file, place.config)
    if sheet.key_file and recovery is None:
        raise RestoreRequestError(reason="the key file of the sheet needs the recovery key")
    address = await asyncio.to_thread(_address, settings, place)
    closed = Closed(files_at(address), _words(place), recovery, sheet)
    await closed.expect_config()
    async with sheet.completing(settings, clock, address) as whole:
        password = recovery.password if recovery else machine_key(settings)
        repository = Repository(whole, password)
        try:
            opened_id = await repository.open()
        except (KeyRefusedError, RepositoryDamagedError) as error:
            raise await closed.reason(error) from error
        name = str(place.source) if place.source else LOCAL
        yield Source(name, repository, files_at(whole), opened_id)


def _address(settings: Settings, place: Place) -> str:
    """Return the address of restic at which this process reaches the place."""
    if place.address:
        return place.address
    if place.source == 0:
        return own_address(settings)
    if place.source > MOST_TARGETS:
        raise RestoreRequestError(reason=f"there is no target {place.source}")
    return copy_address(settings, place.source)


def _words(place: Place) -> str:
    """Return what people call the place."""
    own = f"target {place.source}" if place.source else "this machine"
    return place.name or place.address or own
