"""Is there memory left?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from appliance.probes.model import Answer, Reading, ReadingState, measured

KIBIBYTES_PER_MEBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Reads what the kernel says can be had without swapping."""

    least_mebibytes: int = 256
    source: Path = Path("/proc/meminfo")
    limit: float = 3.0

    async def read(self) -> Reading:
        """Ask once."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        text = await asyncio.to_thread(self.source.read_text)
        facts = dict(line.split(":", 1) for line in text.splitlines())
        available = int(facts["MemAvailable"].split()[0]) // KIBIBYTES_PER_MEBIBYTE
        enough = available >= self.least_mebibytes
        state = ReadingState.OK if enough else ReadingState.FAILED
        return state, f"{available} MiB of memory available"
