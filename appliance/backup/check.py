"""The operation that reads the repository and finds what is damaged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.backup.own_models import OwnModels
from appliance.backup.publish import OwnRepository
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import lock
from appliance.repository.damage import DamagedFile, FileKind, damaged
from appliance.repository.errors import RepositoryDamagedError
from appliance.repository.files import RepositoryFiles, files_at, renamed_or_changed
from appliance.repository.place import copy_address, machine_key, models_address
from appliance.repository.restic import Repository

ALL = "100%"
_PATIENCE = 1800.0


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work.

    Its request may name the target whose copy is shown meanwhile as `source`, this machine's own
    repository without it, and the part to `read`: `3/7`, or `100%` without it. `models` asks for
    the models that were saved there. Damage is an error, and of this machine also published.
    """

    async def work(request: Facts, report: Reporter) -> Facts:
        source, read = request.get("source"), str(request.get("read") or ALL)
        are_models = bool(request.get("models"))
        path = settings.models_lock if are_models else settings.repository_lock
        async with lock.shared(path, clock, patience=_PATIENCE):
            if isinstance(source, int) and source:
                address = await asyncio.to_thread(copy_address, settings, source)
                address = models_address(address) if are_models else address
                repository = Repository(address, machine_key(settings))
                return await _Check(repository, files_at(address), report).read(read)
            if are_models:
                return await _check_models(OwnModels(settings, clock), report, read)
            return await _check_own(OwnRepository(settings, clock), clock, report, read)

    return work


async def _check_own(own: OwnRepository, clock: Clock, report: Reporter, read: str) -> Facts:
    await own.ensure()
    try:
        found = await _Check(own.opened, own.files, report).read(read)
    except RepositoryDamagedError as error:
        # Without opening the repository: it may not open any more.
        await own.mark_damaged(str(error.facts["reason"]))
        raise
    if read == ALL:
        await own.publish(damage="", checked_at=clock.now())
    return found


async def _check_models(own: OwnModels, report: Reporter, read: str) -> Facts:
    try:
        return await _Check(own.opened, own.files, report).read(read)
    except RepositoryDamagedError as error:
        await own.mark_damaged(str(error.facts["reason"]))
        raise


@dataclass(frozen=True, slots=True)
class _Check:
    repository: Repository
    files: RepositoryFiles
    report: Reporter

    async def read(self, read: str) -> Facts:
        """Read a part. Raises RepositoryDamagedError, which names each file that was found."""
        self.report.progress(Progress("Comparing keys, snapshots and indexes with their names."))
        found = set(await renamed_or_changed(self.files))
        self.report.progress(Progress("Reading what the repository holds."))
        try:
            await self.repository.check(read)
        except RepositoryDamagedError as error:
            found |= named(error)
            raise damaged(found, otherwise=str(error.facts["reason"])) from error
        if found:
            raise damaged(found)
        return {"read": read}


def named(error: RepositoryDamagedError) -> set[DamagedFile]:
    """Return the files that an error names."""
    files = error.facts.get("files")
    pairs = (str(file).split("/", 1) for file in (files if isinstance(files, list) else ()))
    return {DamagedFile(FileKind(kind), name) for kind, name in pairs}


async def find_damage(
    repository: Repository, files: RepositoryFiles, report: Reporter
) -> set[DamagedFile]:
    """Return the files that are damaged, as far as they are named."""
    try:
        await _Check(repository, files, report).read(ALL)
    except RepositoryDamagedError as error:
        return named(error)
    return set()
