"""Can the machine's clock be right?"""

from __future__ import annotations

import asyncio
from datetime import datetime

from appliance.core.clock import Clock
from appliance.core.python import written
from appliance.health.model import Check, CheckId, CheckResult, failed, ok
from appliance.health.remedies import RunCommand


def clock_check(clock: Clock) -> Check:
    """Return the check."""

    async def ask() -> CheckResult:
        return evaluate_time(clock.now(), await asyncio.to_thread(written))

    return Check(CheckId.CLOCK, ask)


def evaluate_time(now: datetime, earliest: datetime) -> CheckResult:
    """Judge the clock: no machine can run this program before it was written. Pure."""
    if now < earliest:
        sentence = f"The clock says {now:%Y-%m-%d %H:%M} UTC, before this program was written."
        remedy = RunCommand("timedatectl set-time 'YYYY-MM-DD HH:MM:SS'")
        return failed(CheckId.CLOCK, sentence, "Set the clock.", remedy)
    return ok(CheckId.CLOCK, f"The clock says {now:%Y-%m-%d %H:%M} UTC.")
