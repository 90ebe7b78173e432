"""Is a silent server of ours busy, or dead?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.heartbeat import Beat, read_beat
from appliance.probes.model import Probe, ProbeResult, ProbeState
from appliance.probes.process import ProcessFacts, facts

# After so long without a turn of its event loop a process does not recover by itself.
LONGEST_TURN = 60.0
# A process that writes no sign of life for so long is stopped, or one operation of it takes long.
LONGEST_SILENCE = 5.0
_RUNNING = "R"


@dataclass(frozen=True, slots=True)
class HeartbeatProbe:
    """Asks a server; where it is silent, reads the signs of life of its process.

    A process that is alive and whose loop has turned within LONGEST_TURN seconds is busy. It is
    no failure, so nothing is restarted for it.
    """

    server: Probe
    heartbeat: Path
    monotonic: Callable[[], float] = time.monotonic
    process: Callable[[int], ProcessFacts | None] = facts

    async def read(self) -> ProbeResult:
        """Ask once."""
        result = await self.server.read()
        if not result.silent:
            return result
        beat, state = await asyncio.to_thread(self._look)
        return evaluate_beat(result, beat, state, self.monotonic()) if beat else result

    def _look(self) -> tuple[Beat | None, str | None]:
        """Return the last sign of life, and the kernel's state of its process."""
        beat = read_beat(self.heartbeat)
        found = self.process(beat.pid) if beat else None
        return beat, found.state if found else None


def evaluate_beat(silence: ProbeResult, beat: Beat, state: str | None, now: float) -> ProbeResult:
    """Return what silence means, by the last sign of life and the kernel's state of the process.

    `state` is None where the kernel does not show the process. Pure.
    """
    idle = now - beat.turned
    if idle >= LONGEST_TURN:
        sentence = f"its event loop has made no turn for {idle:.0f} s"
        return replace(silence, sentence=sentence)
    # One long operation of Python's own code stops the thread as well, but uses the processor.
    if now - beat.written < LONGEST_SILENCE or state == _RUNNING:
        sentence = f"it is busy: its event loop made its last turn {max(idle, 0):.0f} s ago"
        return replace(silence, state=ProbeState.BUSY, sentence=sentence)
    return silence
