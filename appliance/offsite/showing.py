"""Serve the copy at a target to restic on this machine, until the operation is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.offsite.errors import TargetEmptyError
from appliance.offsite.gateway import Gateway, served
from appliance.offsite.model import Target
from appliance.offsite.places.opening import opened
from appliance.offsite.places.place import CONFIG_FILE, Place
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository.damage import FileKind
from appliance.repository.place import address_file, models_address

_ADDRESS_MODE = 0o640
# An asker that was killed asks for nothing. A drill asks for nothing while it fills its database.
_IDLE_SECONDS = 4 * 3600.0
_LOOK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Showing:
    """Shows one target. Packaged, restic knows unix sockets; of a clone's this is not certain."""

    settings: Settings
    clock: Clock
    target: Target
    report: Reporter

    async def run(self) -> Facts:
        """Serve until the work is cancelled, or was not used for hours. Raises TargetEmptyError."""
        path = address_file(self.settings, self.target.number)
        if not self.settings.packaged:
            await asyncio.to_thread(private_directory, path.parent)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        async with (
            opened(self.target) as place,
            opened(replace(self.target, place=models_address(self.target.place))) as models,
        ):
            if await _is_empty(place):
                raise TargetEmptyError(place=self.target.place)
            now = self.clock.monotonic()
            gateway = Gateway(place, self.clock, now, Gateway(models, self.clock, now))
            async with served(gateway, self._socket) as address:
                content = address.encode()
                await asyncio.to_thread(write_atomically, path, content, mode=_ADDRESS_MODE)
                try:
                    # The first that it says: who has started it has the address read now.
                    self.report.progress(Progress(f"The copy at {self.target.name} can be read."))
                    while self.clock.monotonic() - gateway.asked_at < _IDLE_SECONDS:
                        await self.clock.sleep(_LOOK_SECONDS)
                finally:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
        return {}

    @property
    def _socket(self) -> Path | None:
        if not self.settings.packaged:
            return None
        return self.settings.run / "offsite" / f"{self.target.number}.sock"


async def _is_empty(place: Place) -> bool:
    """Say whether nothing is there. A copy that has lost its config is one: a sheet has it."""
    return await place.size(CONFIG_FILE) is None and not await place.sizes(FileKind.SNAPSHOT)
