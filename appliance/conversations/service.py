"""What people may do with their own conversations."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from appliance.accounts.model import Account
from appliance.conversations.errors import (
    AnswerUnfinishedError,
    EmptyQuestionError,
    NothingToTryAgainError,
    QuestionTooLongError,
    UnreadableQuestionError,
    WrongTitleError,
)
from appliance.conversations.model import (
    QUESTION_LIMIT,
    TITLE_LIMIT,
    Citation,
    Conversation,
    Exchange,
    Message,
    PageSize,
    Thread,
    title_of,
)
from appliance.conversations.store import ConversationStore
from appliance.core.errors import NotFoundError
from appliance.core.text import is_storable, storable
from appliance.db.pool import Database
from appliance.web import markdown
from appliance.web.markdown_worker import Markdown

PAGE = 30
PAGE_SIZE = PageSize()
Found = TypeVar("Found")


class Conversations:
    """Every method takes the reader; for another person's object it raises NotFoundError."""

    def __init__(self, database: Database, renderer: Markdown) -> None:
        self._store = ConversationStore(database)
        self._renderer = renderer

    async def newest(
        self, reader: Account, *, before: UUID | None = None, limit: int = PAGE
    ) -> list[Conversation]:
        """Return a page of conversations, newest first; `before` is the last one seen."""
        return await self._store.newest(reader.id, before, limit)

    async def thread(
        self,
        reader: Account,
        conversation_id: UUID,
        *,
        before: int | None = None,
        size: PageSize = PAGE_SIZE,
    ) -> Thread:
        """Return a conversation with its last messages, or the last before an ordinal, as HTML."""
        found = await self._store.thread(reader.id, conversation_id, before, size)
        thread = _found(found, "conversation")
        messages = [await self.as_html(message) for message in thread.messages]
        return replace(thread, messages=tuple(messages))

    async def message(self, reader: Account, message_id: UUID) -> Message:
        """Return one question or answer."""
        return _found(await self._store.message(reader.id, message_id), "answer")

    async def as_html(self, message: Message) -> Message:
        """Return a message whose `html` is up to date, and keep it if the text is final.

        While it cannot be rendered, the HTML is the plain text.
        """
        is_current = message.html_version == markdown.VERSION
        if message.is_question or is_current or not message.text:
            return message
        html = await self._renderer.render(message.text)
        if html is None:
            return replace(message, html=markdown.plain(message.text))
        if message.is_finished:
            await self._store.keep_html(message, html, markdown.VERSION)
        return replace(message, html=html, html_version=markdown.VERSION)

    async def citations(self, reader: Account, message_id: UUID) -> tuple[Citation, ...]:
        """Return the sources of an answer."""
        await self.message(reader, message_id)
        return await self._store.citations(message_id)

    async def start(self, reader: Account, question: str, *, worker: int) -> Exchange:
        """Save the first question of a new conversation; `worker` will answer it."""
        text = checked_question(question)
        return await self._store.start(reader.id, title_of(text), text, worker)

    async def ask(
        self, reader: Account, conversation_id: UUID, question: str, *, worker: int
    ) -> Exchange:
        """Save the next question. Raises AnswerUnfinishedError while the last is being answered."""
        text = checked_question(question)
        exchange = await self._store.ask(reader.id, conversation_id, text, worker)
        if exchange is None:
            _found(await self._store.one(reader.id, conversation_id), "conversation")
            raise AnswerUnfinishedError
        return exchange

    async def ask_again(self, reader: Account, message_id: UUID, *, worker: int) -> Exchange:
        """Empty an incomplete answer, so that it can be written again."""
        exchange = await self._store.ask_again(reader.id, message_id, worker)
        if exchange is None:
            message = await self.message(reader, message_id)
            if message.is_question:
                raise NotFoundError(what="answer")
            # If this answer may be tried again, another unfinished answer blocks it.
            is_blocked = message.can_be_tried_again or not message.is_finished
            raise AnswerUnfinishedError if is_blocked else NothingToTryAgainError
        return exchange

    async def rename(self, reader: Account, conversation_id: UUID, title: str) -> Conversation:
        """Change a conversation's title."""
        wanted = " ".join(storable(title).split())
        if not 1 <= len(wanted) <= TITLE_LIMIT:
            raise WrongTitleError(limit=TITLE_LIMIT)
        renamed = await self._store.rename(reader.id, conversation_id, wanted)
        return _found(renamed, "conversation")

    async def delete(self, reader: Account, conversation_id: UUID) -> None:
        """Delete a conversation for good."""
        if not await self._store.delete(reader.id, conversation_id):
            raise NotFoundError(what="conversation")


def checked_question(text: str) -> str:
    """Return a question without the space around it. Raises ApplianceError for an unusable one."""
    question = text.replace("\r\n", "\n").strip()
    if not question:
        raise EmptyQuestionError
    if len(question) > QUESTION_LIMIT:
        raise QuestionTooLongError(length=len(question), limit=QUESTION_LIMIT)
    if not is_storable(question):
        raise UnreadableQuestionError
    return question


def _found(thing: Found | None, what: str) -> Found:
    if thing is None:
        raise NotFoundError(what=what)
    return thing
