"""What the kinds of jobs for backups do: each is carried out by an operation of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.backup_plan.errors import RestoreRunsNowError
from appliance.backup_plan.facts import BackupFacts, read_facts
from appliance.backup_plan.gateway import serving
from appliance.backup_plan.records import read_plan, write_plan
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.jobs.engine import Work
from appliance.jobs.errors import JobRunningError, SubjectNeededError
from appliance.jobs.kinds import (
    BACKUP,
    DRILL,
    HOT_BACKUP,
    MODEL_BACKUP,
    OFFSITE,
    VERIFY_BACKUPS,
)
from appliance.jobs.record import JobRecord
from appliance.jobs.service import ITSELF, SCHEDULE, JobService
from appliance.llm.client import ModelRunner
from appliance.offsite.model import TargetKind
from appliance.operations import catalog
from appliance.operations.errors import OperationError
from appliance.operations.model import Facts, Operation
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.repository.errors import RepositoryDamagedError
from appliance.schedule.chain import Ended, Outcome, next_jobs
from appliance.schedule.following import JobFollower
from appliance.settings.entry import Entry
from appliance.settings.model import BACKUP_DAYS, BACKUP_MODELS, HOT_DAYS, OFFSITE_DAYS
from appliance.settings.service import OperatorSettings
from appliance.web.formats import count_of, duration, size

logger = logging.getLogger(__name__)

# The subject of the drill that builds the index of vectors as well.
WITH_INDEX = "index"
# A copy elsewhere is read in this many parts, one a night.
PARTS = 7


@dataclass(frozen=True, slots=True)
class BackupWorks:
    """The works of backups, with what they need of the supervisor."""

    settings: Settings
    clock: Clock
    jobs: JobService
    chosen: OperatorSettings
    models: ModelRunner
    operations: OperationRunner

    def table(self) -> Mapping[str, Work]:
        """Return the work of each kind."""
        return {
            BACKUP.name: self.back_up,
            HOT_BACKUP.name: self.back_up_changes,
            DRILL.name: self.drill,
            VERIFY_BACKUPS.name: self.verify,
            OFFSITE.name: self.copy,
            MODEL_BACKUP.name: self.back_up_models,
        }

    async def back_up(self, record: JobRecord) -> str:
        """Make a set."""
        await self._require_no_restore()
        found = await self._carry_out(catalog.SET, record, {"models": await self._installed()})
        saves_models = (await self.chosen.get(BACKUP_MODELS.name)).is_on
        await self._go_on(Ended(BACKUP, Outcome.DONE, models=saves_models))
        return (
            f"A set of {size(_number(found, 'bytes'))} is written, in "
            f"{duration(_number(found, 'seconds'))}. A restore of it is tried next."
        )

    async def back_up_changes(self, record: JobRecord) -> str:
        """Make a hot snapshot; one without anything new leaves no record."""
        await self._require_no_restore()
        found = await self._carry_out(catalog.HOT, record, {"models": await self._installed()})
        if found.get("skipped"):
            await record.discard()
            return "Nothing has changed."
        return f"Saved what changed, in {duration(_number(found, 'seconds'))}."

    async def back_up_models(self, record: JobRecord) -> str:
        """Save the files of models; a job of the schedule without anything new leaves no record."""
        await self._require_no_restore()
        found = await self._carry_out(catalog.MODELS, record, {})
        if found.get("skipped"):
            if record.job.requested_by in {SCHEDULE, ITSELF}:
                await record.discard()
            return "There is nothing to save that is not saved already."
        said = f"Saved {size(_number(found, 'bytes'))} of models, {size(_number(found, 'added'))} "
        said += f"of them new, in {duration(_number(found, 'seconds'))}."
        left_out = found.get("left_out")
        if not isinstance(left_out, list) or not left_out:
            return said
        names = ", ".join(map(str, left_out))
        return f"{said} Not saved, because they are damaged: {names}. Fetch their models again."

    async def drill(self, record: JobRecord) -> str:
        """Restore a set of this machine, or of a copy, and throw it away."""
        subject = record.job.subject
        source = int(subject) if subject.isdecimal() else 0
        await self._remember_drill(subject)
        request = {"source": source, "index": subject == WITH_INDEX}
        try:
            async with serving(self.operations, source):
                found = await self._carry_out(catalog.DRILL, record, request)
        except OperationError:
            await self._go_on(Ended(DRILL, Outcome.FAILED, subject))
            raise
        await self._go_on(Ended(DRILL, Outcome.DONE, subject, damage=await self._damage()))
        tables = count_of(_number(found, "tables"), "table")
        took = duration(_number(found, "seconds"))
        return f"Restored and compared {tables} without a difference, in {took}."

    async def verify(self, record: JobRecord) -> str:
        """Read each file; then remove what is too old, unless anything is wrong."""
        known = await self._damage()
        try:
            await self._carry_out(catalog.CHECK, record, {})
        except OperationError as error:
            if error.result.code == RepositoryDamagedError.code:
                await self._repair(record)
                await self._go_on(Ended(VERIFY_BACKUPS, Outcome.DAMAGED, damage=known))
            raise
        said = [
            await self._verify_models(record),
            await self._prune(record),
            *await self._verify_copies(record),
        ]
        said = list(filter(None, said))
        return " ".join(["Each file of the backups is whole.", *said])

    async def copy(self, record: JobRecord) -> str:
        """Copy what is new to a target."""
        number = _target(record)
        known = (await read_facts(self.settings)).catalog
        request = {
            "work": "copy",
            # A person who asks does not wait for the time of the day.
            "now": record.job.requested_by not in {SCHEDULE, ITSELF},
            "sets": {one.id: one.taken_at.isoformat() for one in (known.sets if known else ())},
        }
        found = await self._carry_out(catalog.offsite(number), record, request)
        sent = f"{count_of(_number(found, 'sent_files'), 'file')} with "
        sent += size(_number(found, "sent_bytes"))
        if not found.get("complete", True):
            return f"Copied {sent}; the rest waits for the time of the day that was set."
        return f"Copied {sent}. The copy is whole."

    async def _carry_out(self, operation: Operation, record: JobRecord, request: Facts) -> Facts:
        # Only a job that was left by an earlier process has a log when it begins.
        resumed = bool(record.job.log)
        return await self.operations.run(
            operation, request, JobFollower(record), resumed=resumed and operation.name in _RESUMED
        )

    async def _require_no_restore(self) -> None:
        if await self.operations.is_busy(catalog.RESTORE):
            raise RestoreRunsNowError

    async def _installed(self) -> list[dict[str, str]]:
        """Return the models whose names a set keeps; a runner that is silent is no obstacle."""
        with contextlib.suppress(ApplianceError, TimeoutError):
            async with asyncio.timeout(10):
                return [
                    {"name": model.name, "digest": model.digest}
                    for model in await self.models.models()
                ]
        return []

    async def _remember_drill(self, subject: str) -> None:
        """Keep when a drill was tried; one that fails is not tried again before its time."""
        plan = read_plan(self.settings.state)
        drilled = {**plan.drilled, subject or "local": self.clock.now()}
        await asyncio.to_thread(write_plan, self.settings.state, replace(plan, drilled=drilled))

    async def _go_on(self, ended: Ended) -> None:
        for name in next_jobs(ended):
            with contextlib.suppress(JobRunningError):
                await self.jobs.enqueue(name, requested_by=ITSELF)

    async def _damage(self) -> bool:
        found = (await read_facts(self.settings)).catalog
        return found is not None and bool(found.damage)

    async def _repair(self, record: JobRecord) -> None:
        """Put damaged files aside, and make a new set, which saves again what is still there."""
        await record.log("The damage is repaired as far as possible. Nothing else is removed.")
        with contextlib.suppress(ApplianceError):
            await self._carry_out(catalog.PRUNE, record, {"repair": True})
            await self.operations.run(catalog.LIST, {}, NoFollower())

    async def _prune(self, record: JobRecord) -> str:
        """Remove what is older than it is to be kept, and recovery keys that were replaced."""
        facts = await read_facts(self.settings)
        request = {
            "keep_set": await self._days(BACKUP_DAYS),
            "keep_hot": await self._days(HOT_DAYS),
            "damage": facts.catalog.damage if facts.catalog else "",
            "models_damage": facts.models.damage if facts.models else "",
        }
        found = await self._carry_out(catalog.PRUNE, record, request)
        for key in _replaced_keys(facts):
            await self._carry_out(catalog.PRUNE, record, {"remove_key": key})
        await self.operations.run(catalog.LIST, {}, NoFollower())
        if found.get("refused"):
            return "Nothing is removed: the newest set that a trial has restored is too old."
        return f"{count_of(_number(found, 'removed'), 'old backup')} removed."

    async def _verify_models(self, record: JobRecord) -> str:
        """Read a part of the saved models; damage is repaired, and they are saved again."""
        if (await read_facts(self.settings)).models is None:
            return ""
        part = read_plan(self.settings.state).read_part % PARTS + 1
        try:
            await self._carry_out(catalog.CHECK, record, {"models": True, "read": _part(part)})
        except OperationError as error:
            await record.log(f"The saved models: {error.message}")
            if error.result.code == RepositoryDamagedError.code:
                with contextlib.suppress(ApplianceError):
                    repair = {"models": True, "repair": True}
                    await self._carry_out(catalog.PRUNE, record, repair)
                await self._go_on(Ended(MODEL_BACKUP, Outcome.DAMAGED))
            return f"The saved models could not be verified: {error.message}"
        return ""

    async def _verify_copies(self, record: JobRecord) -> list[str]:
        """Read a part of each copy, and remove what is too old where the target is a folder."""
        plan, said = read_plan(self.settings.state), []
        part = plan.read_part % PARTS + 1
        for copy in (await read_facts(self.settings)).copies:
            if copy.state.complete_at is None:
                continue
            number, name = copy.target.number, copy.target.name
            try:
                async with serving(self.operations, number):
                    request = {"source": number, "read": _part(part)}
                    await self._carry_out(catalog.CHECK, record, request)
                    if copy.state.models_at is not None:
                        models = {**request, "models": True}
                        await self._carry_out(catalog.CHECK, record, models)
                if copy.target.kind is TargetKind.FOLDER:
                    keep = {"keep_set": await self._days(OFFSITE_DAYS)}
                    place = {"address": copy.target.place}
                    await self._carry_out(catalog.PRUNE, record, {**keep, **place})
            except ApplianceError as error:
                await record.log(f"“{name}”: {error.message} {error.advice}")
                said.append(f"The copy at “{name}” could not be verified: {error.message}")
        record_of_plan = replace(read_plan(self.settings.state), read_part=part)
        await asyncio.to_thread(write_plan, self.settings.state, record_of_plan)
        return said

    async def _days(self, entry: Entry) -> int:
        return (await self.chosen.get(entry.name)).number


# Operations whose jobs go on after a restart of the supervisor.
_RESUMED = {
    operation.name
    for operation in (catalog.SET, catalog.HOT, catalog.DRILL, catalog.MODELS, *catalog.OFFSITE)
}


def _target(record: JobRecord) -> int:
    subject = record.job.subject
    if not subject.isdecimal():
        raise SubjectNeededError(title=OFFSITE.title)
    return int(subject)


def _part(part: int) -> str:
    return f"{part}/{PARTS}"


def _number(found: Facts, name: str) -> int:
    value = found.get(name)
    return round(value) if isinstance(value, int | float) else 0


def _replaced_keys(facts: BackupFacts) -> list[str]:
    """Return the files of recovery keys that were replaced by one that was proved."""
    newest = facts.catalog.recovery_key if facts.catalog else None
    if newest is None or facts.catalog is None or not facts.key_is_proven:
        return []
    return [
        key.id
        for key in facts.catalog.keys
        if key.is_recovery and key.fingerprint in newest.retired
    ]
