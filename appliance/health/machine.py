"""Checks of the machine itself: disk, memory, time."""

from __future__ import annotations

import asyncio
from datetime import datetime

from appliance.core.clock import Clock
from appliance.core.python import written
from appliance.core.settings import Settings
from appliance.health.model import Check, Finding, failed, fine, judged
from appliance.probes.disk import DiskProbe
from appliance.probes.memory import MemoryProbe

FREE_DISK = 0.05


def machine_checks(settings: Settings, clock: Clock) -> list[Check]:
    """Return the checks that every machine allows."""

    async def disk() -> Finding:
        path = next(path for path in (settings.home, *settings.home.parents) if path.exists())
        hint = f"Free some space: `du -xh --max-depth=2 {path} | sort -h` shows what takes it."
        return judged(await DiskProbe(path, FREE_DISK).read(), str(path), hint)

    async def memory() -> Finding:
        hint = "Stop what else runs here, choose a smaller model, or add memory."
        return judged(await MemoryProbe(0.05).read(), "Memory", hint)

    async def time() -> Finding:
        return plausible_time(clock.now(), await asyncio.to_thread(written))

    return [Check("disk", disk), Check("memory", memory), Check("time", time)]


def plausible_time(now: datetime, earliest: datetime) -> Finding:
    """Judge the clock: nobody can run this program before it was written."""
    if now < earliest:
        sentence = f"The clock says {now:%Y-%m-%d %H:%M} UTC, before this program was written."
        return failed(sentence, "Set it: `timedatectl set-time 'YYYY-MM-DD HH:MM:SS'`.")
    return fine(f"The clock says {now:%Y-%m-%d %H:%M} UTC.")
