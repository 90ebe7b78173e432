"""The targets of copies: add, change, try and remove them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog
from appliance.backup_plan.asking import ask
from appliance.core.errors import ApplianceError
from appliance.offsite.errors import TargetMissingError
from appliance.offsite.model import Target
from appliance.offsite.targets import Targets
from appliance.operations.catalog import offsite
from appliance.operations.model import Facts
from appliance.operations.runner import OperationRunner

_PROBE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """Manages the targets; where nothing else is said, for actors with Permission.MANAGE_BACKUPS.

    Each method that changes something raises ForbiddenError. The address of a target is in no
    audit: it may name a person, or what another machine is.
    """

    kept: Targets
    operations: OperationRunner
    audit: AuditLog

    async def save(self, actor: Actor, number: int | None, typed: Mapping[str, str]) -> Target:
        """Keep what an operator typed, as a new target or in place of one, once it was reached.

        Raises TargetInvalidError, TargetMissingError, and what the attempt to reach it says; then
        nothing is changed.
        """
        actor.require(Permission.MANAGE_BACKUPS)
        before = None if number is None else await self.kept.target(number)
        return await self._save(actor, before, typed, restores_only=False)

    async def add_source(self, actor: Actor, typed: Mapping[str, str]) -> Target:
        """Keep a place to restore from, for actors with Permission.RESTORE, once it was reached.

        It may hold the backups of another machine. Nothing is written there, now or later. Raises
        what `save` raises, and NoBackupsThereError.
        """
        actor.require(Permission.RESTORE)
        return await self._save(actor, None, typed, restores_only=True)

    async def remove_source(self, actor: Actor, number: int) -> Target:
        """Forget a place that is only restored from, for actors with Permission.RESTORE.

        Raises TargetMissingError, also for a target to which copies go.
        """
        actor.require(Permission.RESTORE)
        target = await self.kept.target(number)
        if not target.restores_only:
            raise TargetMissingError(number=number)
        return await self._remove(actor, target)

    async def _save(
        self,
        actor: Actor,
        before: Target | None,
        typed: Mapping[str, str],
        *,
        restores_only: bool,
    ) -> Target:
        number = before.number if before else None
        target = await self.kept.save(number, typed, restores_only=restores_only)
        try:
            # Another place is made ready by its first try; the same one must be what it was, so
            # that an empty mount point is not taken for its disk.
            await self._probe(target.number, prepare=False)
        except (ApplianceError, asyncio.CancelledError):
            await asyncio.shield(self._put_back(target.number, before))
            raise
        added = before is None
        action = Action.BACKUP_TARGET_ADD if added else Action.BACKUP_TARGET_CHANGE
        await self._note(actor, action, target)
        return target

    async def remove(self, actor: Actor, number: int) -> Target:
        """Forget a target; the copies there stay. Raises TargetMissingError."""
        actor.require(Permission.MANAGE_BACKUPS)
        return await self._remove(actor, await self.kept.target(number))

    async def probe(self, actor: Actor, number: int) -> Facts:
        """Reach a target, and make a new disk ready for copies. Raises TargetMissingError."""
        actor.require(Permission.MANAGE_BACKUPS)
        return await self._probe((await self.kept.target(number)).number, prepare=True)

    async def _remove(self, actor: Actor, target: Target) -> Target:
        await self._note(actor, Action.BACKUP_TARGET_REMOVE, target)
        await self.kept.remove(target.number)
        return target

    async def _put_back(self, number: int, before: Target | None) -> None:
        if before is None:
            await self.kept.remove(number)
        else:
            typed = {name: str(value) for name, value in asdict(before).items()}
            await self.kept.save(number, typed)

    async def _probe(self, number: int, *, prepare: bool) -> Facts:
        request = {"work": "probe", "prepare": prepare}
        return await ask(self.operations, offsite(number), request, patience=_PROBE_SECONDS)

    async def _note(self, actor: Actor, action: Action, target: Target) -> None:
        detail: dict[str, str | int] = {"kind": str(target.kind)}
        if target.restores_only:
            detail["use"] = "restore"
        event = AuditEvent(
            action, ObjectType.BACKUP_TARGET, str(target.number), target.name, detail=detail
        )
        await self.audit.note(actor, event)
