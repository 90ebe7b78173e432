"""Is there memory left?"""

from __future__ import annotations

from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.probes.memory import MemoryProbe
from appliance.probes.model import ProbeResult

LEAST_AVAILABLE = 0.05
LITTLE_AVAILABLE = 0.10
_HINT = "Stop what else runs on this machine, choose a smaller model, or add memory."


def memory_check(*, limit: float = 10.0) -> Check:
    """Return the check."""

    async def ask() -> CheckResult:
        return evaluate_memory(await MemoryProbe(limit=limit).read())

    return Check(CheckId.MEMORY, ask, limit)


def evaluate_memory(reading: ProbeResult) -> CheckResult:
    """Say whether what is available is enough. Pure."""
    if reading.taken is None:
        return unknown(CheckId.MEMORY, f"The kernel does not say: {reading.sentence}.")
    available = 1 - reading.taken
    if available <= LEAST_AVAILABLE:
        return failed(CheckId.MEMORY, f"Memory runs out: {reading.sentence}.", _HINT)
    if available <= LITTLE_AVAILABLE:
        return warning(CheckId.MEMORY, f"Memory is short: {reading.sentence}.", _HINT)
    return ok(CheckId.MEMORY, f"Memory: {reading.sentence}")
