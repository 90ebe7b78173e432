"""Is there room on the disk that holds the data?"""

from __future__ import annotations

from pathlib import Path

from appliance.health.model import Check, CheckId, CheckResult, failed, ok, warning
from appliance.health.remedies import FreeSpace
from appliance.probes.disk import DiskProbe
from appliance.probes.model import ProbeResult

LEAST_FREE = 0.05
LITTLE_FREE = 0.10
_HINT = "Free some space, or give it a larger disk. When it is full, nothing can be saved."


def disk_check(folder: Path, *, limit: float = 10.0) -> Check:
    """Return the check of the disk that holds the folder, or the first folder above that exists."""

    async def ask() -> CheckResult:
        path = next(path for path in (folder, *folder.parents) if path.exists())
        return evaluate_disk(await DiskProbe(path, limit=limit).read(), path)

    return Check(CheckId.DISK_SPACE, ask, limit)


def evaluate_disk(reading: ProbeResult, folder: Path) -> CheckResult:
    """Say whether what is free is enough. Pure."""
    remedy = FreeSpace(folder)
    if reading.taken is None:
        sentence = f"The disk that holds {folder} does not answer: {reading.sentence}."
        return failed(CheckId.DISK_SPACE, sentence, "See whether it is broken.", remedy)
    free = 1 - reading.taken
    if free <= LEAST_FREE:
        sentence = f"The disk is nearly full: {reading.sentence} at {folder}."
        return failed(CheckId.DISK_SPACE, sentence, _HINT, remedy)
    if free <= LITTLE_FREE:
        sentence = f"The disk fills up: {reading.sentence} at {folder}."
        return warning(CheckId.DISK_SPACE, sentence, _HINT, remedy)
    return ok(CheckId.DISK_SPACE, f"{folder}: {reading.sentence}")
