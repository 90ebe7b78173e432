"""A restore in steps: open a repository, choose a set, see what follows, confirm, keep or undo.

Nothing here is in the database, which a restore replaces: the steps are in the memory of this
process, and how far the work is in the folder of its operation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog
from appliance.backup_plan.asking import ask
from appliance.backup_plan.errors import (
    BackupRunsNowError,
    ConfirmationMissingError,
    RestoreSessionError,
)
from appliance.backup_plan.gateway import serving
from appliance.backup_plan.records import read_plan, write_plan
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.operations.catalog import HOT, RESTORE, SET
from appliance.operations.model import Facts, Progress
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.restore.waiting import until_exchanged
from appliance.units.exchange import RestoreState, restarted_by_exchange

logger = logging.getLogger(__name__)

CONFIRMATION = "RESTORE"
# Steps that are left alone for so long are forgotten, with the key that was typed.
STEPS_LAST = 3600.0
_LIST_SECONDS = 300.0
EVERYTHING = "everything"


class Step(StrEnum):
    """Which step of a restore is next, or how it ended."""

    OPEN = "open"
    CHOOSE = "choose"
    CONFIRM = "confirm"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class RestoreSteps:
    """One restore on its way. `place` says to the operation which repository it reads."""

    token: str = field(repr=False)
    actor: Actor
    touched: float
    step: Step = Step.OPEN
    place: Facts = field(default_factory=dict, repr=False)
    listed: Facts = field(default_factory=dict)
    chosen: Facts = field(default_factory=dict)
    preview: Facts = field(default_factory=dict)
    result: Facts = field(default_factory=dict)
    error: ApplianceError | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is restored, and not a part."""
        return self.chosen.get("what") == EVERYTHING


@dataclass(slots=True)
class Restoring:
    """Carries out restores, one at a time, for actors with Permission.RESTORE.

    `units` names the services of this machine, `restart` asks the supervisor to restart one of
    them, on behalf of an actor. `close` ends with the process: packaged, a restore that works goes
    on in its unit.
    """

    settings: Settings
    clock: Clock
    operations: OperationRunner
    audit: AuditLog
    units: Callable[[], Iterable[str]]
    restart: Callable[[str, str], Awaitable[None]]
    _steps: RestoreSteps | None = None
    _task: asyncio.Task[None] | None = None
    _tidying: asyncio.Task[None] | None = None

    def begin(self, actor: Actor) -> str:
        """Begin the steps, and return the token of their holder. Raises ForbiddenError.

        Steps that another person has begun end, unless their restore works already.
        """
        actor.require(Permission.RESTORE)
        if self._steps is not None and self._steps.step is Step.RUNNING:
            raise RestoreSessionError
        token = secrets.token_urlsafe(32)
        self._steps = RestoreSteps(token, actor, self.clock.monotonic())
        return token

    def steps(self, token: str) -> RestoreSteps:
        """Return the steps of the holder of a token. Raises RestoreSessionError."""
        steps, now = self._steps, self.clock.monotonic()
        if steps is None or not token or not secrets.compare_digest(steps.token, token):
            raise RestoreSessionError
        if steps.step is not Step.RUNNING and now - steps.touched > STEPS_LAST:
            self._steps = None
            raise RestoreSessionError
        steps.touched = now
        return steps

    async def open(self, token: str, place: Facts) -> None:
        """List what a repository holds; `place` names `source` and `key`. Raises what it says."""
        steps = self.steps(token)
        steps.step = Step.OPEN
        steps.listed = await self._ask(place, {"work": "list", **place})
        steps.place, steps.step = place, Step.CHOOSE

    def back(self, token: str) -> None:
        """Return to the first step: another place, or another try. Nothing was changed yet."""
        steps = self.steps(token)
        self._require(steps, Step.OPEN, Step.CHOOSE, Step.CONFIRM, Step.FAILED)
        steps.place, steps.listed, steps.chosen, steps.preview = {}, {}, {}, {}
        steps.step, steps.error = Step.OPEN, None

    async def look(self, token: str, snapshot: str, what: str, subject: str) -> None:
        """Say what the restore of a set would do."""
        steps = self.steps(token)
        self._require(steps, Step.CHOOSE, Step.CONFIRM)
        chosen = {"snapshot": snapshot, "what": what, "subject": subject}
        request = {"work": "preview", **steps.place, **chosen}
        steps.preview = await self._ask(steps.place, request)
        steps.chosen, steps.step = chosen, Step.CONFIRM

    async def start(self, token: str, typed: str) -> None:
        """Begin the restore that was looked at.

        Raises ConfirmationMissingError unless the word was typed, and BackupRunsNowError.
        """
        steps = self.steps(token)
        self._require(steps, Step.CONFIRM)
        if typed.strip().upper() != CONFIRMATION:
            raise ConfirmationMissingError
        for operation in (SET, HOT):
            if await self.operations.is_busy(operation):
                raise BackupRunsNowError
        detail: dict[str, str | int] = {"what": str(steps.chosen["what"])}
        event = AuditEvent(
            Action.RESTORE_START, ObjectType.SET, str(steps.chosen["snapshot"])[:12], detail=detail
        )
        await self.audit.note(steps.actor, event)
        steps.step, steps.error = Step.RUNNING, None
        self._task = asyncio.create_task(self._restore(steps), name="restore")

    def progress(self) -> tuple[Progress | None, list[str]]:
        """Return how far the restore is, and its log."""
        folder = self.operations.folder_of(RESTORE)
        return folder.progress(), folder.lines(0)

    async def is_unconfirmed(self) -> bool:
        """Say whether the state before a restore is still kept, as far as it is known here."""
        plan = await asyncio.to_thread(read_plan, self.settings.state)
        return plan.restored_at is not None

    async def keep(self, actor: Actor) -> None:
        """Keep the restored state: the one before it is deleted."""
        actor.require(Permission.RESTORE)
        await self._note(actor, Action.RESTORE_CONFIRM)
        await ask(self.operations, RESTORE, {"work": "confirm"})
        await self._remember(unconfirmed=False)

    async def undo(self, actor: Actor) -> None:
        """Go back to the state before the restore; what uses the database restarts."""
        actor.require(Permission.RESTORE)
        await self._note(actor, Action.RESTORE_UNDO)
        await ask(self.operations, RESTORE, {"work": "undo"})
        await self._remember(unconfirmed=False)
        await self._exchange(actor)
        self._tidying = asyncio.create_task(self._remove_undone(), name="remove the undone state")

    async def close(self) -> None:
        """End with the process."""
        for task in (self._task, self._tidying):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _restore(self, steps: RestoreSteps) -> None:
        source = _source(steps.place)
        request = {"work": "restore", **steps.place, **steps.chosen}
        try:
            async with serving(self.operations, source):
                steps.result = await self.operations.run(RESTORE, request, NoFollower())
            if steps.is_whole:
                await self._remember(unconfirmed=True)
                await self._exchange(steps.actor)
            steps.step = Step.DONE
        except ApplianceError as error:
            steps.step, steps.error = Step.FAILED, error
        except Exception:
            logger.exception("the restore failed")
            steps.step, steps.error = Step.FAILED, ApplianceError()
        finally:
            # The key is not needed any more.
            steps.place = {"source": source}

    async def _remove_undone(self) -> None:
        """Ask for the status until the exchange is over; the status then removes that state."""
        await until_exchanged(self._status, self.clock)

    async def _status(self) -> Facts:
        """Return the state of the restore; while it cannot be asked, the exchange is not over."""
        with contextlib.suppress(ApplianceError):
            return await ask(self.operations, RESTORE, {"work": "status"})
        return {"state": RestoreState.READY}

    async def _exchange(self, actor: Actor) -> None:
        for name in restarted_by_exchange(self.units()):
            await self.restart(name, actor.phrase)

    async def _ask(self, place: Facts, request: Facts) -> Facts:
        async with serving(self.operations, _source(place)):
            return await ask(self.operations, RESTORE, request, patience=_LIST_SECONDS)

    async def _remember(self, *, unconfirmed: bool) -> None:
        plan = await asyncio.to_thread(read_plan, self.settings.state)
        moment = self.clock.now() if unconfirmed else None
        await asyncio.to_thread(write_plan, self.settings.state, replace(plan, restored_at=moment))

    async def _note(self, actor: Actor, action: Action) -> None:
        await self.audit.note(actor, AuditEvent(action, ObjectType.SET))

    def _require(self, steps: RestoreSteps, *allowed: Step) -> None:
        if steps.step not in allowed:
            raise RestoreSessionError


def _source(place: Facts) -> int:
    source = place.get("source")
    return source if isinstance(source, int) else 0
