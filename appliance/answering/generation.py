"""One answer from its first to its last moment: a task of its own, of no connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from uuid import UUID

from appliance.accounts.model import Account
from appliance.answering.composer import Composer
from appliance.answering.deadline import Limits, within
from appliance.answering.errors import InternalFaultError, InterruptedAnswerError
from appliance.answering.live import Live
from appliance.answering.model import Enquiry
from appliance.answering.store import AnswerStore, Ending, Progress
from appliance.conversations.model import AnswerKind, MessageState
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError

_LOG = logging.getLogger(__name__)
# PostgreSQL is back within ten seconds of a crash; an answer that was written is worth the wait.
KEEP_ATTEMPTS = 60


class Generation:
    """Writes one answer and keeps how it ended, whatever that is."""

    def __init__(
        self,
        composer: Composer,
        store: AnswerStore,
        clock: Clock,
        live: Live,
        limits: Limits,
    ) -> None:
        self.live = live
        self.is_ending = False
        self._composer = composer
        self._store = store
        self._clock = clock
        self._limits = limits
        self._wish = MessageState.INTERRUPTED
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_unwanted = False

    def begin(
        self, group: asyncio.TaskGroup, reader: Account, on_end: Callable[[UUID], None]
    ) -> None:
        """Start the task; `on_end` is called when nothing is left to do for it."""
        name = f"answer {self.live.message.id}"
        self._task = group.create_task(self._run(reader), name=name)
        self._task.add_done_callback(lambda _: on_end(self.live.message.id))

    def cancel(self, state: MessageState) -> None:
        """End it as stopped or interrupted; what is already ending ends as it is."""
        if self._task is None or self.is_ending:
            return
        self._wish = state
        # A task that is cancelled before its first step never runs: then nobody would keep this.
        if self._has_begun:
            self._task.cancel()
        else:
            self._is_unwanted = True

    def give_up(self) -> None:
        """End the task even while it keeps its answer: the next start marks the row."""
        if self._task is not None:
            self.is_ending = True
            self._task.cancel()

    async def _run(self, reader: Account) -> None:
        self._has_begun = True
        ending = self._broken_off() if self._is_unwanted else await self._write(reader)
        self.is_ending = True
        try:
            await self._keep(ending)
        finally:
            self.live.end()

    async def _write(self, reader: Account) -> Ending:
        try:
            await self._compose(reader)
        except asyncio.CancelledError:
            return self._broken_off()
        except ApplianceError as error:
            return self._failed(error)
        except Exception:  # noqa: BLE001 - a defect becomes an answer that says so
            _LOG.exception("answer %s failed", self.live.message.id)
            return self._failed(InternalFaultError())
        return self._ended()

    async def _compose(self, reader: Account) -> None:
        question = self.live.question
        turns = (
            await self._store.turns(question.conversation_id, question.ordinal)
            if question.ordinal > 1
            else ()
        )
        enquiry = Enquiry(reader, question.text, turns)
        async with aclosing(within(self._composer.compose(enquiry), self._limits)) as parts:
            async for part in parts:
                self.live.take(part)

    def _ended(self) -> Ending:
        outcome = self.live.outcome
        if outcome is None:
            return self._failed(InternalFaultError())
        state = MessageState.FAILED if outcome.failure else MessageState.COMPLETE
        return Ending(
            self.live.progress(),
            state,
            outcome.kind,
            outcome.cited,
            outcome.failure or outcome.note,
        )

    def _failed(self, error: ApplianceError) -> Ending:
        return self._partial(MessageState.FAILED, error)

    def _broken_off(self) -> Ending:
        if self._wish == MessageState.STOPPED:
            return self._partial(MessageState.STOPPED, None)
        return self._partial(MessageState.INTERRUPTED, InterruptedAnswerError())

    def _partial(self, state: MessageState, error: ApplianceError | None) -> Ending:
        """Keep what was written so far; what it cites can still be looked up."""
        kind = AnswerKind.GENERATED if self.live.text else None
        return Ending(self.live.progress(), state, kind, self.live.cited(), error)

    async def _keep(self, ending: Ending) -> None:
        """Keep the end. What the database refuses twice is kept without its text.

        The second attempt heals a deadlock; the third makes room for the next question.
        """
        for attempt in (ending, ending, self._without_text()):
            try:
                await self._keep_when_possible(attempt)
            except Exception:  # noqa: BLE001 - a task of a group must not take the others along
                _LOG.exception("the end of answer %s was refused", self.live.message.id)
            else:
                return

    def _without_text(self) -> Ending:
        nothing = Progress(self.live.message.id, "")
        return Ending(nothing, MessageState.FAILED, None, words=InternalFaultError())

    async def _keep_when_possible(self, ending: Ending) -> None:
        for _ in range(KEEP_ATTEMPTS):
            try:
                await self._store.finish(ending)
            except DatabaseUnavailableError:
                await self._clock.sleep(1.0)
            else:
                return
        _LOG.error("answer %s could not be kept: no database", ending.progress.id)
