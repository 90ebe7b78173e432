"""The operation that removes: old snapshots, replaced keys, damaged files. The owner's alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.backup.check import find_damage
from appliance.backup.own_models import OwnModels
from appliance.backup.publish import OwnRepository
from appliance.backup.retention import KEEP_LAST, KEEP_MODELS, kept_within, refusal
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import catalog, lock
from appliance.repository.damage import FOLDERS, DamagedFile, FileKind
from appliance.repository.errors import KeyNeededError, RepositoryMissingError
from appliance.repository.files import (
    CONFIG,
    LOCKS,
    FolderFiles,
    folders_of,
    keys_of,
    size_of,
)
from appliance.repository.key_files import KeyFile
from appliance.repository.model import Kind
from appliance.repository.place import MODELS, machine_key
from appliance.repository.restic import Repository
from appliance.repository.saved_models import TAG

_PATIENCE = 1800.0
_A_MOMENT = 2.0
# What is damaged is moved here, and not deleted: a part of it may be of use to a person.
_ASIDE = "damaged"
# In the names of files that are not whole yet: of restic in a folder, and of its server.
_UNFINISHED = ("-tmp-", ".rest-server-temp")


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work, on the folder of the repository, or of a copy that `address` names.

    `remove_key` names a key file that is removed, `repair` asks for the removal of what is damaged.
    Otherwise old snapshots are removed: `keep_set` and `keep_hot` are days, `damage` is what the
    asker knows to be damaged. Nothing is removed where `refused` is in the result. The models that
    were saved follow, unless `models_damage` says that they are damaged; with `models`, `repair` is
    for them.
    """

    async def work(request: Facts, report: Reporter) -> Facts:
        address = request.get("address")
        folder = settings.repository if address is None else Path(str(address))
        owner = _Owner(settings, clock, report, folder, is_copy=address is not None)
        if request.get("models"):
            return await _repair_models(owner)
        async with lock.exclusive(settings.repository_lock, clock, patience=_PATIENCE):
            found = await owner.do(request)
            if "refused" not in found and not (
                request.get("repair") or request.get("models_damage")
            ):
                found = {**found, **await _tidy_models(owner)}
            if address is None and not settings.packaged:
                # Packaged, its owner cannot write the list: the asker has it listed afterwards.
                await OwnRepository(settings, clock).publish()
                await OwnModels(settings, clock).refresh()
        return found

    return work


async def _repair_models(owner: _Owner) -> Facts:
    """Repair the repository of models, so that its next backup saves again what it has lost."""
    async with lock.exclusive(owner.settings.models_lock, owner.clock, patience=_PATIENCE):
        return await owner.models.do({"repair": True})


async def _tidy_models(owner: _Owner) -> Facts:
    """Remove models that were saved long ago, and keys that open the sets no more.

    What goes wrong with models never fails the removal of old sets. A copy of models may take days,
    and holds their lock: then they wait for another night.
    """
    models = owner.models
    try:
        if await models.files.read(CONFIG) is None:
            return {}
        async with lock.exclusive(owner.settings.models_lock, owner.clock, patience=_A_MOMENT):
            return {"models_removed": await models.prune_models(owner.files)}
    except ApplianceError as error:
        owner.report.log(f"The saved models stay as they are tonight: {error.message}")
        return {}


@dataclass(frozen=True, slots=True)
class _Owner:
    settings: Settings
    clock: Clock
    report: Reporter
    folder: Path
    is_copy: bool
    holds_models: bool = False

    @property
    def models(self) -> _Owner:
        """The owner of the models beside these sets."""
        return replace(self, folder=self.folder / MODELS, holds_models=True)

    @property
    def files(self) -> FolderFiles:
        """The files of the repository."""
        return FolderFiles(self.folder)

    @property
    def _repository(self) -> Repository:
        return Repository(str(self.folder), machine_key(self.settings))

    async def do(self, request: Facts) -> Facts:
        """Carry out one request, with all others kept out."""
        if await self.files.read(CONFIG) is None:
            raise RepositoryMissingError(place=self.folder)
        await _forget_unfinished(self.files)
        await self._unlock()
        if key := request.get("remove_key"):
            return await self._remove_key(str(key))
        if request.get("repair"):
            return await self._repair()
        return await self._prune(request)

    async def prune_models(self, sets: FolderFiles) -> int:
        """Keep the newest snapshots of models, and no key that was replaced; return how many end.

        A copy keeps the keys that it was given, as it does for sets.
        """
        self.report.progress(Progress("Removing models that were saved long ago."))
        await self._unlock()
        if not self.is_copy:
            await self._remove_retired_keys(await keys_of(sets))
        repository = self._repository
        before = await repository.model_snapshots()
        await repository.forget(TAG, None, KEEP_MODELS)
        # What a repair has lost, and a newer backup has saved again, would hold up the rest.
        await self._forget_broken()
        await repository.prune(rewrite=not self.is_copy)
        return len(before) - len(await repository.model_snapshots())

    async def _remove_retired_keys(self, valid: Sequence[KeyFile]) -> None:
        """Remove the recovery keys that were replaced, and that open the sets no more.

        One that the sets have merely lost stays: its file here is a good copy.
        """
        retired = {name for key in valid for name in key.retired}
        known = {key.fingerprint for key in valid}
        for key in await keys_of(self.files):
            if key.fingerprint in retired - known:
                (self.folder / FileKind.KEY / key.id).unlink()

    async def _unlock(self) -> None:
        """Remove the locks that killed work has left: no other work runs now."""
        if await self.files.names(LOCKS):
            await self._repository.unlock(everyone=True)

    async def _prune(self, request: Facts) -> Facts:
        repository, files = self._repository, self.files
        before, size = await repository.snapshots(), await size_of(files)
        if refused := refusal(before, await self._damage(request), self.clock.now()):
            return {"refused": refused, "removed": 0}
        self.report.progress(Progress("Removing old snapshots."))
        for kind, days in kept_within(request).items():
            await repository.forget(kind, f"{days}d", KEEP_LAST[kind])
        self.report.progress(Progress("Removing what no snapshot needs any more."))
        # A copy keeps the files that it was given: others would be sent again.
        await repository.prune(rewrite=not self.is_copy)
        left = await repository.snapshots()
        return {
            "removed": len({one.id for one in before} - {one.id for one in left}),
            "snapshots": len(left),
            "freed": size - await size_of(files),
        }

    async def _damage(self, request: Facts) -> str:
        """Return what is known to be damaged; packaged, only the asker can read the list."""
        if known := request.get("damage"):
            return str(known)
        published = await catalog.read(self.settings.backup / catalog.FILE)
        return published.damage if published and not self.is_copy else ""

    async def _remove_key(self, key: str) -> Facts:
        """Remove a key; at least one recovery key stays."""
        keys = {one.id: one for one in await keys_of(self.files)}
        recovery = [one for one in keys.values() if one.is_recovery]
        if key not in keys or (len(recovery) < 2 and keys[key] in recovery):
            raise KeyNeededError(key=key)
        await self._repository.remove_key(key)
        return {"removed_key": key}

    async def _repair(self) -> Facts:
        """Remove what is damaged, so that the next set saves again what it has.

        Damaged snapshots and keys are moved aside; the index is made again from the packs. Sets
        that a newer set has not made whole again are forgotten. So, as long as a check finds
        something: repair, then make a set.
        """
        repository, aside = self._repository, self.folder / _ASIDE
        found = await find_damage(repository, self.files, self.report)
        self.report.progress(Progress("Repairing the repository."))
        await asyncio.to_thread(private_directory, aside)
        packs = sorted(file.id for file in found if file.kind is FileKind.PACK)
        for file in found:
            if file.kind not in {FileKind.PACK, FileKind.CONFIG}:
                await asyncio.to_thread(self._move_aside, file)
        if any(file.kind is FileKind.INDEX for file in found):
            await repository.repair_index()
        if packs and not await repository.repair_packs(packs, aside):
            for pack in packs:
                await asyncio.to_thread(self._move_aside, DamagedFile(FileKind.PACK, pack))
            await repository.repair_index()
        return {"repaired": sorted(map(str, found)), "forgotten": await self._forget_broken()}

    async def _forget_broken(self) -> list[str]:
        """Forget the snapshots that lack parts, if the newest set lacks none.

        What that one does not have, no later one would bring back.
        """
        snapshots, newest = await self._snapshots()
        broken = [one for one in snapshots if not await self._repository.is_whole(one)]
        if not broken or newest is None or newest in broken:
            return []
        await self._repository.forget_snapshots(broken)
        return broken

    async def _snapshots(self) -> tuple[list[str], str | None]:
        """Return the ids of all snapshots, and that of the newest one that holds everything."""
        if self.holds_models:
            saved = [one.id for one in await self._repository.model_snapshots()]
            return saved, next(iter(saved), None)
        snapshots = await self._repository.snapshots()
        sets = (one.id for one in snapshots if one.kind is Kind.SET)
        return [one.id for one in snapshots], next(sets, None)

    def _move_aside(self, file: DamagedFile) -> None:
        folder = self.folder / file.kind
        spread = folder / file.id[:2] if file.kind is FileKind.PACK else folder
        for path in spread.glob(f"{file.id}*"):
            path.replace(self.folder / _ASIDE / f"{file.kind}-{path.name}")


async def _forget_unfinished(files: FolderFiles) -> None:
    """Remove what writers have left that were killed, or met a full disk: no one writes now."""
    for kind in FOLDERS:
        with contextlib.suppress(FileNotFoundError):
            for folder in await files.call(folders_of, files.folder, kind):
                await files.call(_forget_in, folder)


def _forget_in(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file() and any(mark in path.name for mark in _UNFINISHED):
            path.unlink(missing_ok=True)
