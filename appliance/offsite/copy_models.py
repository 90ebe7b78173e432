"""Copy the models that were saved, after the sets: they never keep those waiting."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.offsite.copy import Copied, Copying
from appliance.offsite.model import Target, TargetKind
from appliance.offsite.places.folder import FolderPlace
from appliance.offsite.places.opening import opened
from appliance.offsite.source import Source
from appliance.offsite.timing import Line
from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.repository import lock
from appliance.repository.files import CONFIG
from appliance.repository.place import MODELS, models_address
from appliance.web.formats import size

_PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class ModelsCopy:
    """Copies the repository of models to a target whose copy of the sets is whole."""

    target: Target
    settings: Settings
    clock: Clock
    report: Reporter

    @property
    def _folder(self) -> Path:
        return self.settings.repository / MODELS

    def is_wanted(self) -> bool:
        """Say whether there are models to copy. Of new ones, the next copy may read the files."""
        return os.access(self._folder / CONFIG, os.R_OK)

    async def run(self, line: Line) -> Copied:
        """Bring what the target lacks, as for sets.

        Only the removal of old models waits for it, however long it takes. Raises what a copy of
        the sets raises.
        """
        target = replace(self.target, place=models_address(self.target.place))
        async with lock.shared(self.settings.models_lock, self.clock, patience=_PATIENCE):
            if target.kind is TargetKind.FOLDER:
                # Inside a folder that was found to be the one on its disk.
                await FolderPlace(Path(target.place)).make()
            async with opened(target) as place:
                await place.prepare()
                await place.expect_ready()
                source = Source(self._folder)
                copying = Copying(source, place, target.place, line, self._progressed)
                try:
                    return await copying.run()
                finally:
                    count, arrived = len(copying.sent), size(sum(copying.sent))
                    self.report.log(f"{count} files of models with {arrived} arrived.")

    def _progressed(self, done: int, total: int) -> None:
        self.report.progress(Progress(f"Copying models to {self.target.name}.", done, total))
