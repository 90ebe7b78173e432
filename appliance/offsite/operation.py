"""The operation of one target, in the process that has the network: copy, try, or show a copy."""

from __future__ import annotations

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.offsite.copy_models import ModelsCopy
from appliance.offsite.copy_run import CopyRun
from appliance.offsite.errors import TargetRequestError, TargetRestoresOnlyError
from appliance.offsite.model import Target, TargetKind
from appliance.offsite.probe import Probe
from appliance.offsite.showing import Showing
from appliance.offsite.source import Source
from appliance.offsite.targets import Targets
from appliance.operations.model import Facts
from appliance.operations.work import Reporter, Work


def work_of(settings: Settings, clock: Clock, number: int) -> Work:
    """Return the work for a target.

    `{"work": "copy"}` brings what the target lacks; with `now` at any time of the day, and with
    `sets`, the times of sets by their ids, it can say which is the newest that is there.
    `{"work": "probe"}` tries the target; with `prepare` it makes a new disk ready for copies.
    `{"work": "serve"}` shows the copy to restic until it is stopped; with `folder` the one in a
    folder for which there is no target.
    """
    targets, source = Targets(settings.offsite), Source(settings.repository)

    async def work(request: Facts, report: Reporter) -> Facts:
        match request.get("work"):
            case "copy":
                target = await targets.target(number)
                if target.restores_only:
                    raise TargetRestoresOnlyError(name=target.name)
                models = ModelsCopy(target, settings, clock, report)
                lock = settings.repository_lock
                run = CopyRun(targets, target, source, lock, clock, report, models)
                return await run.run(request)
            case "probe":
                probe = Probe(targets, await targets.target(number), source, clock)
                return await probe.run(may_prepare=bool(request.get("prepare")))
            case "serve":
                target = await _shown(targets, number, request.get("folder"))
                return await Showing(settings, clock, target, report).run()
            case _:
                raise TargetRequestError

    return work


async def _shown(targets: Targets, number: int, folder: object) -> Target:
    if folder is None:
        return await targets.target(number)
    return Target(number=number, name=str(folder), kind=TargetKind.FOLDER, place=str(folder))
