"""The operation that publishes what the repository holds."""

from __future__ import annotations

from appliance.backup.own_models import OwnModels
from appliance.backup.publish import OwnRepository
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import lock

_PATIENCE = 600.0


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work, which asks for nothing and finds how many snapshots there are."""

    async def work(_: Facts, report: Reporter) -> Facts:
        report.progress(Progress("Listing what the repository holds."))
        async with lock.shared(settings.repository_lock, clock, patience=_PATIENCE):
            own = OwnRepository(settings, clock)
            await own.ensure()
            found = await own.publish()
            await OwnModels(settings, clock).refresh()
        return {"repository": found.repository, "snapshots": len(found.snapshots)}

    return work
