"""A restore in steps: open a repository, choose a set, see what follows, confirm, keep or undo.

Nothing here is in the database, which a restore replaces: the steps, and how far the work is, are
in the memory of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
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
from appliance.backup_plan.restore_notes import RestoreNotes
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.operations.catalog import HOT, RESTORE, SET
from appliance.operations.errors import OperationError
from appliance.operations.model import Facts, Progress
from appliance.operations.runner import OperationRunner
from appliance.restore.errors import NothingToUndoError
from appliance.restore.model import Task
from appliance.restore.waiting import until_exchanged
from appliance.units.exchange import EXCHANGE_SECONDS, RestoreState, restarted_by_exchange

logger = logging.getLogger(__name__)

CONFIRMATION = "RESTORE"
# Steps that are left alone for so long are forgotten, with the key that was typed.
STEPS_LAST = 3600.0
_LIST_SECONDS = 300.0
_POLL_SECONDS = 0.5
# A restore says a few dozen lines; its list of files that differ has an end as well.
_MOST_LINES = 500
EVERYTHING = "everything"


class Step(StrEnum):
    """Which step of a restore is next, or how it ended."""

    OPEN = "open"
    CHOOSE = "choose"
    CONFIRM = "confirm"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def is_working(self) -> bool:
        """Whether the step ends by itself."""
        return self in {Step.RUNNING, Step.UNDOING}


@dataclass(slots=True)
class RestoreSteps:
    """One restore on its way. `place` says to the operation which repository it reads.

    `latest` and `lines` say how far it is; it is the Follower of its operation.
    """

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
    latest: Progress | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything is restored, and not a part."""
        return self.chosen.get("what") == EVERYTHING

    async def progress(self, progress: Progress) -> None:
        """Keep how far it is."""
        self.latest = progress

    async def log(self, line: str) -> None:
        """Keep a line of its log."""
        self.lines = [*self.lines[-_MOST_LINES:], line]


@dataclass(slots=True)
class Restoring:
    """Carries out restores, one at a time, for actors with Permission.RESTORE.

    `units` names the services of this machine, `serves` says whether one of them does its work,
    `restart` asks the supervisor to restart one, on behalf of an actor. `close` ends with the
    process: packaged, a restore that works goes on in its unit.
    """

    clock: Clock
    operations: OperationRunner
    audit: AuditLog
    notes: RestoreNotes
    units: Callable[[], Iterable[str]]
    serves: Callable[[str], bool]
    restart: Callable[[str, str], Awaitable[None]]
    _steps: RestoreSteps | None = None
    _task: asyncio.Task[None] | None = None

    def begin(self, actor: Actor) -> str:
        """Begin the steps, and return the token of their holder. Raises ForbiddenError.

        Steps that another person has begun end. Where their restore works already, it is followed.
        """
        actor.require(Permission.RESTORE)
        if self._steps is not None and self._steps.step.is_working:
            return self._steps.token
        token = secrets.token_urlsafe(32)
        self._steps = RestoreSteps(token, actor, self.clock.monotonic())
        return token

    def steps(self, token: str) -> RestoreSteps:
        """Return the steps of the holder of a token. Raises RestoreSessionError."""
        steps, now = self._steps, self.clock.monotonic()
        if steps is None or not token or not secrets.compare_digest(steps.token, token):
            raise RestoreSessionError
        if not steps.step.is_working and now - steps.touched > STEPS_LAST:
            self._steps = None
            raise RestoreSessionError
        steps.touched = now
        return steps

    async def open(self, token: str, place: Facts) -> None:
        """List what a repository holds; `place` names `source` and `key`. Raises what it says."""
        steps = self.steps(token)
        self._require(steps, Step.OPEN, Step.CHOOSE, Step.CONFIRM)
        steps.step = Step.OPEN
        steps.listed = await self._ask(place, {"work": Task.LIST, **place})
        steps.place, steps.step = place, Step.CHOOSE

    def back(self, token: str) -> None:
        """Return to the first step: another place, or another try. Nothing was changed yet."""
        steps = self.steps(token)
        self._require(steps, Step.OPEN, Step.CHOOSE, Step.CONFIRM, Step.FAILED)
        steps.place, steps.listed, steps.chosen, steps.preview = {}, {}, {}, {}
        steps.step, steps.error, steps.latest, steps.lines = Step.OPEN, None, None, []

    async def look(self, token: str, snapshot: str, what: str, subject: str) -> None:
        """Say what the restore of a set would do."""
        steps = self.steps(token)
        self._require(steps, Step.CHOOSE, Step.CONFIRM)
        chosen = {"snapshot": snapshot, "what": what, "subject": subject}
        request = {"work": Task.PREVIEW, **steps.place, **chosen}
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

    async def keep(self, actor: Actor) -> None:
        """Keep the restored state: the one before it is deleted."""
        actor.require(Permission.RESTORE)
        await self._end(actor, Action.RESTORE_CONFIRM, Task.CONFIRM)

    async def undo(self, actor: Actor) -> str:
        """Return to the state before the restore; what uses the database restarts.

        The steps whose token is returned say when it is in use.
        """
        actor.require(Permission.RESTORE)
        if self._steps is None or not self._steps.step.is_working:
            await self._end(actor, Action.RESTORE_UNDO, Task.UNDO)
            steps = self.steps(self.begin(actor))
            steps.step = Step.UNDOING
            self._task = asyncio.create_task(self._return(steps), name="undo a restore")
        return self.begin(actor)

    async def close(self) -> None:
        """End with the process."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _end(self, actor: Actor, action: Action, work: Task) -> None:
        """Confirm or undo; a restore that was ended at the command line is forgotten here, too."""
        await self._note(actor, action)
        try:
            await ask(self.operations, RESTORE, {"work": work})
        except OperationError as error:
            if error.result.code == NothingToUndoError.code:
                await self.notes.note(former_is_kept=False)
            raise
        await self.notes.note(former_is_kept=False)

    async def _restore(self, steps: RestoreSteps) -> None:
        source = _source(steps.place)
        request = {"work": Task.RESTORE, **steps.place, **steps.chosen}
        try:
            async with serving(self.operations, source):
                steps.result = await self.operations.run(RESTORE, request, steps)
            if steps.is_whole:
                await self.notes.note(former_is_kept=True)
                await self._exchange(steps)
            steps.step = Step.DONE
        except ApplianceError as error:
            steps.step, steps.error = Step.FAILED, error
        except Exception:
            logger.exception("the restore failed")
            steps.step, steps.error = Step.FAILED, ApplianceError()
        finally:
            # The key is not needed any more.
            steps.place = {"source": source}

    async def _return(self, steps: RestoreSteps) -> None:
        try:
            await self._exchange(steps)
        except Exception:
            logger.exception("the return to the former state was not followed to its end")
        steps.step = Step.UNDONE

    async def _exchange(self, steps: RestoreSteps) -> None:
        """Restart what uses the database, and wait until it serves with the other state.

        The status, which is asked meanwhile, removes a restored state that was undone.
        """
        names = restarted_by_exchange(self.units())
        await steps.progress(Progress("The database starts with the other state."))
        for name in names:
            await self.restart(name, steps.actor.phrase)
        await until_exchanged(self._status, self.clock)
        await steps.progress(Progress("Chat and document reader start again."))
        deadline = self.clock.monotonic() + EXCHANGE_SECONDS
        while not all(map(self.serves, names)) and self.clock.monotonic() < deadline:
            await self.clock.sleep(_POLL_SECONDS)

    async def _status(self) -> Facts:
        """Return the state of the restore; while it cannot be asked, the exchange is not over."""
        with contextlib.suppress(ApplianceError):
            return await ask(self.operations, RESTORE, {"work": Task.STATUS})
        return {"state": RestoreState.READY}

    async def _ask(self, place: Facts, request: Facts) -> Facts:
        async with serving(self.operations, _source(place)):
            return await ask(self.operations, RESTORE, request, patience=_LIST_SECONDS)

    async def _note(self, actor: Actor, action: Action) -> None:
        await self.audit.note(actor, AuditEvent(action, ObjectType.SET))

    def _require(self, steps: RestoreSteps, *allowed: Step) -> None:
        if steps.step not in allowed:
            raise RestoreSessionError


def _source(place: Facts) -> int:
    source = place.get("source")
    return source if isinstance(source, int) else 0
