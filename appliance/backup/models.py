"""The operation that saves the files of models, if they have changed since they were saved last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.backup import stage
from appliance.backup.errors import BackupRunsError
from appliance.backup.model_files import ModelFile, ModelFiles, fits_its_name, model_files
from appliance.backup.own_models import OwnModels
from appliance.backup.preflight import Needed, require_room
from appliance.backup.speed import Saving
from appliance.core.clock import Clock
from appliance.core.files import locked_alone, private_directory
from appliance.core.settings import Settings
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import lock
from appliance.repository.errors import SourcesUnreadError
from appliance.repository.model import Saved
from appliance.repository.saved_models import TAG, ModelSnapshot, SavedModels, content_tag

_PATIENCE = 1800.0
_LOCK = "models.lock"


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work, which asks for nothing."""

    async def work(_: Facts, report: Reporter) -> Facts:
        if not settings.packaged:
            await asyncio.to_thread(private_directory, settings.backup)
        with locked_alone(settings.backup / _LOCK, BackupRunsError()):
            async with lock.shared(settings.models_lock, clock, patience=_PATIENCE):
                return await _ModelSaver(settings, clock, report).save()

    return work


@dataclass(frozen=True, slots=True)
class _ModelSaver:
    settings: Settings
    clock: Clock
    report: Reporter

    async def save(self) -> Facts:
        """Save all files as one snapshot; each blob is read first, and compared with its name."""
        begin, taken_at = self.clock.monotonic(), self.clock.now()
        with stage.usable(self.settings.models):
            found = await asyncio.to_thread(model_files, self.settings)
        if not found.manifests:
            return {"skipped": True}
        own = OwnModels(self.settings, self.clock)
        await own.ensure()
        before, published = await own.newest(), await own.published()
        damage = published.damage if published else ""
        is_known = before is not None and published is not None and before == published.snapshot
        if is_known and not damage and before and before.content == found.content:
            return {"skipped": True}
        await self._require_room(own, found, before)
        left_out = await self._unfit(found.blobs)
        saved = await self._back_up(own, found, left_out, None if damage else before)
        with stage.usable(self.settings.backup):
            snapshot = ModelSnapshot(saved.id, taken_at, found.content)
            names = tuple(Path(path).name for path in sorted(left_out))
            await own.publish(SavedModels(snapshot, self.clock.now(), found.names, names, 0))
        return {
            "snapshot": saved.id,
            "models": list(found.names),
            "left_out": list(names),
            "bytes": saved.processed,
            "added": saved.added,
            "seconds": round(self.clock.monotonic() - begin),
        }

    async def _require_room(
        self, own: OwnModels, found: ModelFiles, before: ModelSnapshot | None
    ) -> None:
        """Look at the room on the disk of the repository. Raises BackupSpaceError."""
        known = await own.opened.files(before.id) if before else {}
        new = sum(file.size for file in found.blobs if f"/{file.path}" not in known)
        require_room(self.settings.backup, Needed(dump=0, new_files=new))

    async def _unfit(self, blobs: Iterable[ModelFile]) -> set[str]:
        """Return the blobs whose content is not what their name says, and say so."""
        files, left_out, done = tuple(blobs), set[str](), 0
        total = sum(file.size for file in files)
        for file in files:
            sentence = "Comparing the files of models with their names."
            self.report.progress(Progress(sentence, done, total))
            done += file.size
            try:
                fits = await asyncio.to_thread(fits_its_name, self.settings.home / file.path)
                reason = "its content does not fit its name"
            except OSError as error:
                fits, reason = False, f"it cannot be read: {error.strerror}"
            if not fits:
                left_out.add(file.path)
                self.report.log(f"{Path(file.path).name} is not saved: {reason}.")
        return left_out

    async def _back_up(
        self, own: OwnModels, found: ModelFiles, left_out: set[str], before: ModelSnapshot | None
    ) -> Saved:
        """Save the files. The content of models cannot be compressed."""
        self.report.progress(Progress("Saving the files of models."))
        paths = [file.path for file in (*found.manifests, *found.blobs)]
        try:
            return await own.opened.backup(
                self.settings.home,
                [path for path in paths if path not in left_out],
                tags=[TAG, content_tag(found.content)],
                parent=before.id if before else None,
                compress=False,
                progress=Saving(self.report),
            )
        except SourcesUnreadError as error:
            # They were removed or replaced meanwhile: then the next night saves what is there.
            left_out.update(error.items)
            self.report.log(f"{len(error.items)} files were gone while they were saved.")
            return error.saved
