"""Has a signal stopped the process that is asked?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from appliance.probes.model import Probe, ProbeResult, ProbeState
from appliance.probes.process import ProcessFacts, facts

STOPPED = ProbeResult(ProbeState.FAILED, "a signal has stopped its process", dead=True)
_STOPPED = "T"


async def read_unless_stopped(
    probe: Probe, pid: int | None, *, process: Callable[[int], ProcessFacts | None] = facts
) -> ProbeResult:
    """Ask the server whose process is `pid`, once.

    One that a signal has stopped is dead until something continues it. It is not asked, and no
    limit of a question is waited for that it cannot answer.
    """

    def is_stopped() -> bool:
        found = process(pid) if pid else None
        return found is not None and found.state == _STOPPED

    if await asyncio.to_thread(is_stopped):
        return STOPPED
    result = await probe.read()
    return STOPPED if result.silent and await asyncio.to_thread(is_stopped) else result
