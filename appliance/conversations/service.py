"""What people may do with their own conversations."""

from __future__ import annotations

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
    Thread,
    title_of,
)
from appliance.conversations.store import ConversationStore
from appliance.core.errors import NotFoundError
from appliance.core.text import is_storable, storable
from appliance.db.pool import Database

PAGE = 30
Found = TypeVar("Found")


class Conversations:
    """Every method takes the reader; for another person's object it raises NotFoundError."""

    def __init__(self, database: Database) -> None:
        self._store = ConversationStore(database)

    async def newest(
        self, reader: Account, *, before: UUID | None = None, limit: int = PAGE
    ) -> list[Conversation]:
        """Return a page of conversations, newest first; `before` is the last one seen."""
        return await self._store.newest(reader.id, before, limit)

    async def thread(self, reader: Account, conversation_id: UUID) -> Thread:
        """Return a conversation with all its messages."""
        return _found(await self._store.thread(reader.id, conversation_id), "conversation")

    async def message(self, reader: Account, message_id: UUID) -> Message:
        """Return one question or answer."""
        return _found(await self._store.message(reader.id, message_id), "answer")

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
