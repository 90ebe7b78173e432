"""The operation that makes a hot snapshot: all that cannot be made from the documents again."""

from __future__ import annotations

from appliance.backup.saving import Saver
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.operations.work import Reporter, Work
from appliance.repository.model import Kind


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work. Its request may list `models`, each with `name` and `digest`."""

    async def work(request: Facts, report: Reporter) -> Facts:
        return await Saver(settings, clock, Kind.HOT, report).save(request)

    return work
