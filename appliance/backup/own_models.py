"""This machine's repository of models: beside the sets, with their config and their keys."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from appliance.backup.errors import ModelsOfAnotherError
from appliance.backup.publish import OwnRepository
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.repository import saved_models
from appliance.repository.damage import FileKind
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.files import CONFIG, LOCKS, RepositoryFiles, files_at, size_of
from appliance.repository.place import models_address, own_address
from appliance.repository.restic import Repository
from appliance.repository.saved_models import ModelSnapshot, SavedModels


class OwnModels:
    """The repository of models, with its files and the published record of what was saved.

    It is made of the config and the key files of the sets, which all belong to the same master key.
    So the sheet opens it too, and no key has to be typed when it is made.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._sets = OwnRepository(settings, clock)
        self._address = models_address(own_address(settings))
        self.files: RepositoryFiles = files_at(self._address)

    @property
    def opened(self) -> Repository:
        """The repository. It has the id of the sets, and so must not share their cache."""
        return replace(self._sets.opened, address=self._address, cache=None)

    async def published(self) -> SavedModels | None:
        """Return what was saved, as it was published last."""
        return await asyncio.to_thread(saved_models.read, self._settings.backup)

    async def publish(self, saved: SavedModels) -> None:
        """Publish what was saved, with the room that it takes now."""
        await self._write(replace(saved, bytes=await size_of(self.files)))

    async def refresh(self) -> None:
        """Publish again what was saved, after others worked on the repository."""
        if await self.is_there():
            size = await size_of(self.files)
            # Read last: a backup of models may have ended meanwhile.
            if (before := await self.published()) is not None:
                await self._write(replace(before, bytes=size))

    async def mark_damaged(self, damage: str) -> None:
        """Publish what is damaged, until the models are saved again."""
        if (before := await self.published()) is not None:
            await self._write(replace(before, damage=damage))

    async def _write(self, saved: SavedModels) -> None:
        await asyncio.to_thread(saved_models.write, self._settings.backup, saved)

    async def is_there(self) -> bool:
        """Say whether there is a repository of models."""
        return await self.files.read(CONFIG) is not None

    async def ensure(self) -> None:
        """Make the repository if this machine never had one, and remove what killed work left.

        No other work adds to it meanwhile. Raises RepositoryMissingError without sets, or where
        there was one before: its disk may not be mounted. Raises ModelsOfAnotherError.
        """
        if await self._sets.files.read(CONFIG) is None:
            raise RepositoryMissingError(place=own_address(self._settings))
        # It learns which key file is the machine's.
        await self._sets.ensure()
        is_new = not await self.is_there()
        if is_new and await self.published() is not None:
            raise RepositoryMissingError(place=self._address)
        if is_new:
            await self.files.create()
        await self.share_keys(is_new=is_new)
        if is_new:
            await asyncio.to_thread(os.sync)
        if await self.files.names(LOCKS):
            await self.opened.unlock(everyone=True)

    async def share_keys(self, *, is_new: bool = False) -> None:
        """Let each key that opens the sets open the models. Raises ModelsOfAnotherError.

        The config is what makes it a repository: in a new one it comes last.
        """
        config = await self._sets.files.read(CONFIG)
        if config is None or (not is_new and await self.files.read(CONFIG) != config):
            raise ModelsOfAnotherError(place=self._address)
        there = await self.files.names(FileKind.KEY)
        for name in await self._sets.files.names(FileKind.KEY):
            path = f"{FileKind.KEY}/{name}"
            content = await self._sets.files.read(path)
            if name not in there and content is not None:
                await self.files.add(path, content)
        if is_new:
            await self.files.add(CONFIG, config)

    async def newest(self) -> ModelSnapshot | None:
        """Return the newest snapshot; None without any."""
        there = await self.files.names(FileKind.SNAPSHOT)
        published = await self.published()
        if published is not None and published.snapshot.id in there:
            return published.snapshot
        return next(iter(await self.opened.model_snapshots()), None) if there else None
