"""Bring back the files of models that were saved last."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.backup.model_files import is_blob, is_manifest, model_name
from appliance.core.clock import Clock
from appliance.core.files import free_in
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository import lock
from appliance.repository.errors import RepositoryDamagedError
from appliance.repository.files import CONFIG, files_at
from appliance.repository.place import models_address
from appliance.repository.saved_models import ModelSnapshot
from appliance.restore.errors import FilesDifferError, ModelsMissingError
from appliance.restore.fetch import watching
from appliance.restore.model import Place, What
from appliance.restore.model_folder import ModelFolder, Placed, in_batches, make_empty
from appliance.restore.room import enough_room, usable
from appliance.restore.source import Source, opened

_PATIENCE = 3600.0
# Beside the served models, where those that are fetched arrive as well.
_INCOMING = "incoming/restored"
_MOST_PATHS = 500
_LARGEST_MANIFEST = MEBIBYTE
# PostgreSQL must not stop because a restore has filled the disk.
_RESERVE = 256 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class _Saved:
    """A snapshot of models: blobs and manifests with their sizes, by their paths in a home."""

    snapshot: ModelSnapshot
    blobs: Mapping[str, int]
    manifests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ModelRestore:
    """Restores models from the backups of a place."""

    settings: Settings
    clock: Clock
    report: Reporter
    place: Place

    @property
    def _folder(self) -> ModelFolder:
        return ModelFolder(self.settings.home)

    async def preview(self) -> Facts:
        """Say which models would come, and how much room they need; only sizes are compared.

        Raises ModelsMissingError, and what opening the place raises.
        """
        async with self._saved() as (_, saved):
            has, sizes = self._folder.has_size, saved.blobs.items()
            missing = sum(size for path, size in sizes if not has(path, size))
            return {
                "models": sorted(map(model_name, saved.manifests)),
                "saved_at": saved.snapshot.taken_at.isoformat(),
                "room": missing + _RESERVE,
                "free": await asyncio.to_thread(free_in, self.settings.models),
            }

    async def restore(self) -> Facts:
        """Add what is missing or damaged here: blobs first, each compared with its name.

        A model whose files are not all there is left out. Raises ModelsMissingError, and at the
        end FilesDifferError or RepositoryDamagedError for files that are not what was saved.
        """
        async with self._saved() as (source, saved):
            self.report.progress(Progress("Comparing the models that are here."))
            with usable(self.settings.models):
                blobs = await asyncio.to_thread(self._folder.lacking, saved.blobs)
            needed = sum(blobs.values()) + _RESERVE
            with enough_room(self.settings.models, needed), usable(self.settings.models):
                placed = await self._bring(source, saved, blobs)
        return {
            "snapshot": saved.snapshot.id,
            "what": What.MODELS,
            "models": placed.whole,
            "added": placed.added,
            "files": len(blobs),
        }

    async def _bring(self, source: Source, saved: _Saved, blobs: Mapping[str, int]) -> Placed:
        target = self.settings.models / _INCOMING
        await asyncio.to_thread(make_empty, target)
        try:
            damage = await self._read(source, saved, blobs, target)
            self.report.progress(Progress("Putting the models in place."))
            folder, manifests = self._folder, sorted(saved.manifests)
            changed = await asyncio.to_thread(folder.place_blobs, target, sorted(blobs))
            placed = await asyncio.to_thread(folder.place_manifests, target, manifests)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, target, ignore_errors=True))
        for name in placed.incomplete:
            self.report.log(f"{name} is not restored: files of it are missing.")
        if damage is not None:
            raise damage
        if changed:
            raise FilesDifferError(files=changed, count=len(changed), first=changed[0])
        return placed

    async def _read(
        self, source: Source, saved: _Saved, blobs: Mapping[str, int], target: Path
    ) -> RepositoryDamagedError | None:
        """Read files into `target`; return damage instead of raising it: what is whole counts."""
        paths, total = [*blobs, *saved.manifests], sum(blobs.values())
        damage = None
        async with watching(target, total, "Reading models from the repository", self.report):
            for some in in_batches(paths, _MOST_PATHS):
                included = [f"/{path}" for path in some]
                try:
                    await source.repository.restore(saved.snapshot.id, target, included)
                except RepositoryDamagedError as error:
                    damage = error
        return damage

    @asynccontextmanager
    async def _saved(self) -> AsyncIterator[tuple[Source, _Saved]]:
        """Lend the models beside the sets of a place. These open first: they name a wrong key."""
        async with (
            lock.shared(self.settings.models_lock, self.clock, patience=_PATIENCE),
            opened(self.settings, self.clock, self.place) as sets,
        ):
            address = models_address(sets.repository.address)
            repository = replace(sets.repository, address=address)
            source = replace(sets, repository=repository, files=files_at(address))
            if await source.files.read(CONFIG) is None:
                raise ModelsMissingError
            yield source, await _newest(source)


async def _newest(source: Source) -> _Saved:
    snapshots = await source.repository.model_snapshots()
    if not snapshots:
        raise ModelsMissingError
    listed = await source.repository.files(snapshots[0].id)
    files = {path.removeprefix("/"): size for path, size in listed.items()}
    # What else a snapshot might name leads nowhere.
    return _Saved(
        snapshots[0],
        {path: size for path, size in files.items() if is_blob(path)},
        {
            path: size
            for path, size in files.items()
            if is_manifest(path) and size <= _LARGEST_MANIFEST
        },
    )
