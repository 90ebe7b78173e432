"""One answer from its start to its end: a task that belongs to no connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID

from appliance.accounts.model import Account
from appliance.answering.composer import Composer
from appliance.answering.deadline import Limits, until_deadline
from appliance.answering.errors import AnswerTooLongError, InterruptedAnswerError
from appliance.answering.live_answer import LiveAnswer
from appliance.answering.model import AnswerRequest
from appliance.answering.store import AnswerStore, Ending, Progress
from appliance.conversations.model import AnswerKind, MessageState
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError, InternalError
from appliance.shares.admission import Ticket
from appliance.web.markdown_worker import Markdown

_LOG = logging.getLogger(__name__)
# PostgreSQL is back within ten seconds of a crash; a written answer is worth the wait.
SAVE_ATTEMPTS = 60


class Generation:
    """Writes one answer and saves how it ended, in every case."""

    def __init__(  # noqa: PLR0913 - one argument for each dependency of an answer
        self,
        composer: Composer,
        store: AnswerStore,
        clock: Clock,
        live: LiveAnswer,
        limits: Limits,
        *,
        ticket: Ticket,
        markdown: Markdown,
    ) -> None:
        self.live = live
        self.is_ending = False
        self._composer = composer
        self._store = store
        self._clock = clock
        self._limits = limits
        self._ticket = ticket
        self._markdown = markdown
        self._cancelled_as = MessageState.INTERRUPTED
        self._task: asyncio.Task[None] | None = None
        self._has_started = False
        self._is_cancelled_early = False

    def start(
        self, group: asyncio.TaskGroup, reader: Account, on_end: Callable[[UUID], None]
    ) -> None:
        """Start the task; `on_end` is called when the task has ended."""
        name = f"answer {self.live.message.id}"
        self._task = group.create_task(self._run(reader), name=name)
        self._task.add_done_callback(lambda _: self._end(on_end))

    def cancel(self, state: MessageState) -> None:
        """End the answer as stopped or interrupted, unless it is ending already."""
        if self._task is None or self.is_ending:
            return
        self._cancelled_as = state
        # A task that is cancelled before its first step never runs, and would save nothing.
        if self._has_started:
            self._task.cancel()
        else:
            self._is_cancelled_early = True

    def abandon(self) -> None:
        """End the task even while it saves its answer; the next start marks the row."""
        if self._task is not None:
            self.is_ending = True
            self._task.cancel()

    def _end(self, on_end: Callable[[UUID], None]) -> None:
        # Once more, for a task that was cancelled before it composed anything.
        self._ticket.leave()
        on_end(self.live.message.id)

    async def _run(self, reader: Account) -> None:
        self._has_started = True
        ending = self._cancelled() if self._is_cancelled_early else await self._write(reader)
        self.is_ending = True
        try:
            await self._save(ending)
        finally:
            self.live.end()

    async def _write(self, reader: Account) -> Ending:
        try:
            await self._compose(reader)
        except asyncio.CancelledError:
            return self._cancelled()
        except ApplianceError as error:
            return self._failed(error)
        except Exception:  # noqa: BLE001 - a defect becomes an answer that says so
            _LOG.exception("answer %s failed", self.live.message.id)
            return self._failed(InternalError())
        return self._finished()

    async def _compose(self, reader: Account) -> None:
        question = self.live.question
        turns = (
            await self._store.turns(question.conversation_id, question.ordinal)
            if question.ordinal > 1
            else ()
        )
        request = AnswerRequest(reader, question.text, turns)
        parts = self._composer.compose(request, self._ticket)
        async with aclosing(until_deadline(parts, self._limits)) as limited:
            async for part in limited:
                self.live.take(part)
                if self.live.is_full:
                    return

    def _finished(self) -> Ending:
        finished = self.live.finished
        if self.live.is_full:
            return self._partial(MessageState.COMPLETE, AnswerTooLongError())
        if finished is None:
            return self._failed(InternalError())
        state = MessageState.FAILED if finished.failure else MessageState.COMPLETE
        return Ending(
            self.live.progress(),
            state,
            finished.kind,
            finished.cited,
            finished.failure or finished.note,
        )

    def _failed(self, error: ApplianceError) -> Ending:
        return self._partial(MessageState.FAILED, error)

    def _cancelled(self) -> Ending:
        if self._cancelled_as is MessageState.STOPPED:
            return self._partial(MessageState.STOPPED, None)
        return self._partial(MessageState.INTERRUPTED, InterruptedAnswerError())

    def _partial(self, state: MessageState, error: ApplianceError | None) -> Ending:
        """Return an ending with the text so far; its citations can still be looked up."""
        kind = AnswerKind.GENERATED if self.live.text else None
        return Ending(self.live.progress(), state, kind, self.live.cited(), error)

    async def _save(self, ending: Ending) -> None:
        """Save the ending with its HTML.

        If the database refuses it twice, save a failure without the text. The second attempt
        resolves a deadlock; the third lets the conversation go on.
        """
        ending = replace(ending, html=await self._markdown.render(ending.progress.text))
        for attempt in (ending, ending, self._without_text()):
            try:
                await self._save_when_possible(attempt)
            except Exception:  # noqa: BLE001 - a failed task would end all tasks of its group
                _LOG.exception("the end of answer %s was refused", self.live.message.id)
            else:
                return

    def _without_text(self) -> Ending:
        nothing = Progress(self.live.message.id, "")
        return Ending(nothing, MessageState.FAILED, None, error=InternalError())

    async def _save_when_possible(self, ending: Ending) -> None:
        for _ in range(SAVE_ATTEMPTS):
            try:
                await self._store.finish(ending)
            except DatabaseUnavailableError:
                await self._clock.sleep(1.0)
            else:
                return
        _LOG.error("answer %s could not be saved: no database", ending.progress.id)
