"""Is there room on the disk?"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from appliance.core.variables import GIBIBYTE
from appliance.probes.model import Answer, ProbeResult, ProbeState, measured


@dataclass(frozen=True, slots=True)
class DiskProbe:
    """Looks at the file system of a path: it must have more than `least_share` free."""

    path: Path
    least_share: float = 0.10
    limit: float = 3.0

    async def read(self) -> ProbeResult:
        """Ask the kernel, in a thread: a network disk may hang."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        facts = await asyncio.to_thread(os.statvfs, self.path)
        free = facts.f_bavail * facts.f_frsize
        share = facts.f_bavail / max(1, facts.f_blocks)
        sentence = f"{free / GIBIBYTE:.1f} GiB free ({share:.0%})"
        state = ProbeState.OK if share > self.least_share else ProbeState.FAILED
        return Answer(state, sentence, 1 - share)
