"""Publish what the repository holds, and make sure that there is one."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.repository import catalog
from appliance.repository.catalog import Catalog
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.files import CONFIG, LOCKS, RepositoryFiles, files_at, keys_of, size_of
from appliance.repository.model import Drilled, Kind
from appliance.repository.place import own_address, own_repository
from appliance.repository.restic import Repository

# The content of a report; its tags say the same.
_REPORT = "drill.json"


class OwnRepository:
    """This machine's repository, with its files and the published list of what it holds."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.files: RepositoryFiles = files_at(own_address(settings))
        self.opened: Repository = own_repository(settings)

    @property
    def _path(self) -> Path:
        return self._settings.backup / catalog.FILE

    async def published(self) -> Catalog | None:
        """Return the list as it was published last."""
        return await catalog.read(self._path)

    async def ensure(self, *, alone: bool = False) -> None:
        """Make the repository if this machine never had one, and remove what killed work left.

        `alone` says that no other backup runs: then each lock was left by killed work.
        Raises RepositoryMissingError where there was one: its disk may not be mounted, and a new
        one in its place would hide that. Raises what opening it raises.
        """
        if await self.files.read(CONFIG) is None:
            if await self.published() is not None:
                raise RepositoryMissingError(place=own_address(self._settings))
            if not self._settings.packaged:
                private_directory(self._settings.repository)
            await self.opened.create()
            # Packaged, another account owns the files, and its program does not sync the one that
            # nothing can be opened without.
            await asyncio.to_thread(os.sync)
            return
        if (published := await self.published()) is not None:
            machine = [key.id for key in published.keys if not key.is_recovery]
            self.opened = replace(self.opened, key=machine[-1] if machine else None)
        if await self.files.names(LOCKS):
            await self.opened.unlock(everyone=alone)

    async def mark_damaged(self, damage: str) -> None:
        """Publish what is damaged. The repository itself, which may not open, is not asked."""
        if (before := await self.published()) is not None:
            catalog.write(self._path, replace(before, written_at=self._clock.now(), damage=damage))

    async def report(self, snapshot: str, drilled: Drilled) -> None:
        """Write into the repository how the drill of a snapshot ended."""
        facts = {"of": snapshot, "verdict": drilled.verdict, "source": drilled.source}
        path = self._settings.backup / _REPORT
        write_atomically(path, json.dumps(facts).encode())
        try:
            await self.opened.backup(
                self._settings.backup,
                [_REPORT],
                tags=[Kind.REPORT, *drilled.as_tags(snapshot)],
                progress=_ignore,
            )
        finally:
            path.unlink(missing_ok=True)

    async def publish(
        self, *, damage: str | None = None, checked_at: datetime | None = None
    ) -> Catalog:
        """Publish the list again; without new facts about damage, the former ones stay."""
        before = await self.published()
        # To open it takes each of the two half a second of one processor.
        repository, snapshots = await asyncio.gather(self._id(before), self.opened.snapshots())
        found = Catalog(
            repository=repository,
            written_at=self._clock.now(),
            bytes=await size_of(self.files),
            snapshots=snapshots,
            keys=await keys_of(self.files),
            checked_at=checked_at or (before.checked_at if before else None),
            damage=(before.damage if before else "") if damage is None else damage,
        )
        if before and before.repository != found.repository:
            found = replace(found, checked_at=checked_at, damage=damage or "")
        catalog.write(self._path, found)
        return found

    async def _id(self, before: Catalog | None) -> str:
        return before.repository if before else await self.opened.open()


def _ignore(_done: int, _total: int) -> None:
    """A report is saved in a moment."""
