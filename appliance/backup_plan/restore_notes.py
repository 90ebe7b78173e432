"""Remember whether the state before a restore is still kept.

Only the account of the database may look there. The process that restores tells the supervisor,
whose pages ask for a decision.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.backup_plan.records import read_plan, write_plan
from appliance.core.clock import Clock


@dataclass(frozen=True, slots=True)
class RestoreNotes:
    """The note about the latest restore, in the folder of the supervisor's own records."""

    folder: Path
    clock: Clock

    async def former_is_kept(self) -> bool:
        """Say whether the state before a restore is still kept, as far as it is known here."""
        plan = await asyncio.to_thread(read_plan, self.folder)
        return plan.restored_at is not None

    async def note(self, *, former_is_kept: bool) -> None:
        """Write whether it is kept; the time of an earlier note stays."""
        plan = await asyncio.to_thread(read_plan, self.folder)
        at = (plan.restored_at or self.clock.now()) if former_is_kept else None
        await asyncio.to_thread(write_plan, self.folder, replace(plan, restored_at=at))
