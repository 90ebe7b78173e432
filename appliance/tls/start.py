"""Have a certificate before Nginx starts for the first time."""

from __future__ import annotations

import asyncio
import logging

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.tls.addresses import names_of, read_network
from appliance.tls.operation import Task
from appliance.tls.published import read_published
from appliance.tls.renewal import note_failure
from appliance.tls.service import Ask

logger = logging.getLogger(__name__)

_SECONDS = 30.0


async def ensure_at_start(settings: Settings, clock: Clock, ask: Ask) -> None:
    """Make the first certificate, or take over that of an earlier version or of a restore.

    Nothing else waits for that: a failure is logged and shown, and Nginx says what it lacks.
    """
    published = await asyncio.to_thread(read_published, settings.certificates)
    if published.served is not None:
        return
    try:
        names = names_of(settings, await asyncio.to_thread(read_network))
        request: Facts = {"work": Task.ENSURE, "names": list(names)}
        async with asyncio.timeout(_SECONDS):
            await ask(request)
    except ApplianceError as error:
        logger.warning("no certificate was made: %s", error)
        await asyncio.to_thread(note_failure, settings.state, error, clock.now())
    except (OSError, TimeoutError) as error:
        logger.warning("no certificate was made: %r", error)
