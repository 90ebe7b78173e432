"""`python -m appliance.ingest`: read documents until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine

from appliance.core import log, slow_callbacks
from appliance.core.signals import on_signals
from appliance.core.start_settings import read_settings
from appliance.ingest.app import run

# A question that a person waits for goes first. In the package systemd has set it, and the service
# may not change it.
_NICE = 10


async def until_signal(work: Coroutine[None, None, None]) -> None:
    """Do `work`; the first signal stops it in order."""
    task = asyncio.ensure_future(work)
    on_signals((signal.SIGTERM, signal.SIGINT), task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    log.set_up()
    if os.getpriority(os.PRIO_PROCESS, 0) != _NICE:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    slow_callbacks.watch()
    asyncio.run(until_signal(run(read_settings())))
