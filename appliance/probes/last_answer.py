"""When did a server that its supervisor must not ask last answer?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured

# One question without an answer, for three seconds, and the pauses of two before and after it.
LONGEST_SILENCE = 8.0


@dataclass(frozen=True, slots=True)
class LastAnswerProbe:
    """Reads when a server last answered the process beside it, which asks again and again.

    For a server to which its supervisor may not connect. The file holds a time of the machine's
    monotonic clock; it is removed before each start. If the process that asks is gone, the server
    counts as silent: a restart brings both back.
    """

    file: Path
    limit: float = 3.0
    monotonic: Callable[[], float] = time.monotonic

    async def read(self) -> ProbeResult:
        """Look once."""
        return await measured(self._look, limit=self.limit)

    async def _look(self) -> Answer:
        try:
            answered_at = float(await asyncio.to_thread(self.file.read_text, "ascii"))
        except FileNotFoundError:
            return Answer(ProbeState.NOT_READY, "has not answered yet")
        silence = self.monotonic() - answered_at
        if silence <= LONGEST_SILENCE:
            return Answer(ProbeState.OK, "answers")
        return Answer(ProbeState.FAILED, f"no answer for {silence:.0f} s", silent=True)
