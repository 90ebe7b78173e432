"""Is there memory left?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured

KIBIBYTES_PER_MEBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Reads what can be had without swapping: more than `least_share` of all memory."""

    least_share: float = 0.10
    source: Path = Path("/proc/meminfo")
    limit: float = 3.0

    async def read(self) -> ProbeResult:
        """Ask once."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        text = await asyncio.to_thread(self.source.read_text)
        facts = dict(line.split(":", 1) for line in text.splitlines())
        available = int(facts["MemAvailable"].split()[0]) // KIBIBYTES_PER_MEBIBYTE
        share = available / max(1, int(facts["MemTotal"].split()[0]) // KIBIBYTES_PER_MEBIBYTE)
        state = ProbeState.OK if share > self.least_share else ProbeState.FAILED
        sentence = f"{available / 1024:.1f} GiB ({share:.0%}) available"
        return Answer(state, sentence, 1 - share)
