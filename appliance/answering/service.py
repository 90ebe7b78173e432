"""Answering: questions are saved, then answered by tasks that this service owns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Self, assert_never
from uuid import UUID

from appliance.accounts.model import Account
from appliance.answering.choice import ModelChoice
from appliance.answering.composer import Composer
from appliance.answering.deadline import Limits, until_deadline
from appliance.answering.generation import Generation
from appliance.answering.live_answer import LiveAnswer
from appliance.answering.model import AnswerRequest, Part, Retriever
from appliance.answering.notices import Notice, Notices, Subject
from appliance.answering.store import AnswerStore
from appliance.answering.subscriptions import Subscriptions
from appliance.conversations.model import Exchange, Message, MessageState
from appliance.conversations.service import Conversations
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.llm.choice import Purpose
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel
from appliance.llm.service import ModelChoice as OperatorChoice
from appliance.shares.admission import Ticket
from appliance.shares.model import Work
from appliance.shares.service import Shares
from appliance.web.markdown_worker import Markdown

_LOG = logging.getLogger(__name__)
SAVE_SECONDS = 1.0
RESTART_PAUSE_SECONDS = 1.0
GRACE_SECONDS = 5.0
DEFAULT_LIMITS = Limits()


class Answering:
    """Owns every answer that this process writes; use it as `async with Answering(...)`."""

    def __init__(  # noqa: PLR0913 - one argument for each dependency of the service
        self,
        database: Database,
        retriever: Retriever,
        runner: ModelRunner,
        clock: Clock,
        settings: Settings,
        worker: int,
        *,
        markdown: Markdown,
        shares: Shares,
        limits: Limits = DEFAULT_LIMITS,
        context_tokens: Callable[[], int] | None = None,
        allowed_models: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Take `context_tokens` and `allowed_models` where they may change while it runs.

        `markdown` is open as long as this service.
        """
        self.worker = worker
        self.subscriptions = Subscriptions()
        self._shares = shares
        self.admission = self._shares[Work.ANSWER]
        self._workers = settings.chat_processes
        self._clock = clock
        self._limits = limits
        self._markdown = markdown
        self._conversations = Conversations(database, markdown)
        self._store = AnswerStore(database, worker=worker)
        tokens = context_tokens or (lambda: settings.context_tokens)
        self._choice = ModelChoice(
            OperatorChoice(database, runner).chosen,
            runner,
            clock,
            context_tokens=tokens,
            allowed=allowed_models,
        )
        self._composer = Composer(retriever, runner, self._choice, self._shares[Work.SEARCH])
        self._notices = Notices(database.address, clock)
        self._group = asyncio.TaskGroup()
        self._own_tasks: list[asyncio.Task[None]] = []
        self._generations: dict[UUID, Generation] = {}
        self._recovery = asyncio.Lock()
        self._recovered = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        loops = {
            "recover": self._recover,
            "save progress": self._save_progress,
            "handle notices": self._handle_notices,
        }
        self._own_tasks = [
            self._group.create_task(_keep_running(loop, name, self._clock), name=f"answers: {name}")
            for name, loop in loops.items()
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut_down()
        await self._group.__aexit__(None, None, None)
        await self._shares.questions.aclose()

    async def shut_down(self) -> None:
        """Interrupt all answers and save their texts; then close all streams.

        Call it before the server waits for its open connections. A second call does nothing.
        """
        for generation in self._generations.values():
            generation.cancel(MessageState.INTERRUPTED)
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                for generation in list(self._generations.values()):
                    await generation.live.until_ended()
        except TimeoutError:
            for generation in self._generations.values():
                generation.abandon()
        for task in self._own_tasks:
            task.cancel()
        self.subscriptions.refresh()

    async def start(self, reader: Account, question: str) -> Exchange:
        """Save the first question of a new conversation, and start to answer it.

        Like `ask` and `ask_again`, it raises TooManyOfYoursWaitingError or BusyError, and saves
        nothing then.
        """
        await self._recover()
        async with self._place(reader) as ticket:
            exchange = await self._conversations.start(reader, question, worker=self.worker)
            self._start(reader, exchange, ticket)
        return exchange

    async def ask(self, reader: Account, conversation_id: UUID, question: str) -> Exchange:
        """Save the next question of a conversation, and start to answer it."""
        await self._recover()
        async with self._place(reader) as ticket:
            exchange = await self._conversations.ask(
                reader, conversation_id, question, worker=self.worker
            )
            self._start(reader, exchange, ticket)
        return exchange

    async def ask_again(self, reader: Account, message_id: UUID) -> Exchange:
        """Write an answer again that was stopped, interrupted, failed or only quoted."""
        await self._recover()
        async with self._place(reader) as ticket:
            exchange = await self._conversations.ask_again(reader, message_id, worker=self.worker)
            self._start(reader, exchange, ticket)
        return exchange

    async def stop(self, reader: Account, message_id: UUID) -> Message:
        """Stop an answer in whichever process writes it. A finished answer stays as it is.

        The model stops at once; the answer is saved as `stopped` a moment later.
        """
        message = await self._conversations.message(reader, message_id)
        if not message.is_finished and message.worker is not None:
            await self._stop(message.id, message.worker)
        return message

    async def delete(self, reader: Account, conversation_id: UUID) -> None:
        """Delete a conversation, and stop its unfinished answers."""
        unfinished = await self._store.unfinished(reader.id, conversation_id)
        await self._conversations.delete(reader, conversation_id)
        for answer in unfinished:
            await self._stop(answer.id, answer.worker)

    def live(self, message_id: UUID) -> LiveAnswer | None:
        """Return an answer that this process writes. The caller has checked the reader."""
        generation = self._generations.get(message_id)
        return generation.live if generation else None

    async def compose(self, request: AnswerRequest) -> AsyncGenerator[Part, None]:
        """Answer without saving anything; closing the generator stops the model.

        Raises TookTooLongError at the deadline, which saved answers have as well; at the start
        TooManyOfYoursWaitingError or BusyError.
        """
        async with self._place(request.reader) as ticket:
            parts = self._composer.compose(request, ticket)
            async with aclosing(until_deadline(parts, self._limits)) as limited:
                async for part in limited:
                    yield part

    async def nameable(self, purpose: Purpose, name: str | None) -> InstalledModel:
        """Return the installed model that a request names; no name means the one in use.

        Raises ModelNotFoundError for a model that requests may not name, ModelCannotChatError or
        ModelCannotEmbedError, and the runner's error when it does not list its models.
        """
        return await self._choice.named(purpose, name)

    async def nameable_models(self) -> list[InstalledModel]:
        """Return every model that a request may name."""
        return await self._choice.nameable()

    @asynccontextmanager
    async def _place(self, reader: Account) -> AsyncIterator[Ticket]:
        """Take a place in the queue; it is given back here only if the block fails."""
        give_back = await self._shares.questions.take(reader.id)
        ticket = self.admission.enter(reader.id, on_leave=give_back)
        try:
            yield ticket
        except BaseException:
            ticket.leave()
            raise

    def _start(self, reader: Account, exchange: Exchange, ticket: Ticket) -> None:
        live = LiveAnswer(reader.id, exchange)
        generation = Generation(
            self._composer,
            self._store,
            self._clock,
            live,
            self._limits,
            ticket=ticket,
            markdown=self._markdown,
        )
        self._generations[live.message.id] = generation
        generation.start(self._group, reader, on_end=self._forget)

    def _forget(self, message_id: UUID) -> None:
        self._generations.pop(message_id, None)

    async def _stop(self, message_id: UUID, worker: int) -> None:
        if generation := self._generations.get(message_id):
            generation.cancel(MessageState.STOPPED)
        elif worker == self.worker:
            await self._store.interrupt_one(message_id)
        else:
            await self._store.notify(Notice(Subject.STOP, message_id).payload)

    async def _recover(self) -> None:
        """Mark the answers that the last run left unfinished, once, before the first new one."""
        if self._recovered:
            return
        async with self._recovery:
            if not self._recovered:
                count = await self._store.interrupt_leftovers(self._workers)
                self._recovered = True
                if count:
                    _LOG.warning(
                        "marked %d unfinished answers of the last run as interrupted", count
                    )

    async def _save_progress(self) -> None:
        saved: dict[UUID, int] = {}
        while True:
            await self._clock.sleep(SAVE_SECONDS)
            lives = [each.live for each in self._generations.values() if each.live.text]
            saved = {live.message.id: saved.get(live.message.id, -1) for live in lives}
            changed = [live for live in lives if saved[live.message.id] != live.version]
            versions = {live.message.id: live.version for live in changed}
            if not changed:
                continue
            existing = await self._store.save_progress([live.progress() for live in changed])
            saved.update(versions)
            self._cancel_deleted(versions.keys() - existing)

    def _cancel_deleted(self, missing: set[UUID]) -> None:
        """Stop the answers whose rows were deleted, except one that is just finishing."""
        for message_id in missing:
            if generation := self._generations.get(message_id):
                generation.cancel(MessageState.INTERRUPTED)

    async def _handle_notices(self) -> None:
        async with aclosing(self._notices.received()) as notices:
            async for notice in notices:
                self._handle(notice)

    def _handle(self, notice: Notice) -> None:
        match notice.subject:
            case Subject.STOP:
                if notice.id and (generation := self._generations.get(notice.id)):
                    generation.cancel(MessageState.STOPPED)
            case Subject.REVOKED:
                if notice.id:
                    self.subscriptions.revoke(notice.id)
            case Subject.MISSED:
                self.subscriptions.refresh()
            case _ as unreachable:
                assert_never(unreachable)


async def _keep_running(loop: Callable[[], Awaitable[None]], name: str, clock: Clock) -> None:
    """Run a loop of the service to its end; start it again after each fault.

    A task that fails would cancel all tasks of its group, and with them the whole server.
    """
    while True:
        try:
            await loop()
        except ApplianceError as error:
            _LOG.warning("answers: %s: %s", name, error)
        except Exception:  # noqa: BLE001 - see above
            _LOG.exception("answers: %s failed and starts again", name)
        else:
            return
        await clock.sleep(RESTART_PAUSE_SECONDS)
