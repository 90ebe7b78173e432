"""Conversations in the database. Every statement that takes a reader filters by owner."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation

from appliance.conversations.model import Citation, Conversation, Exchange, Message, Thread
from appliance.db.pool import Database
from appliance.db.queries import Queries
from appliance.db.rows import Row, record_row

if TYPE_CHECKING:
    from typing import LiteralString

One = TypeVar("One")


class ConversationStore:
    """The only reader of this feature's statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = Queries("appliance.conversations")

    async def newest(self, reader: UUID, before: UUID | None, limit: int) -> list[Conversation]:
        """Return up to `limit` conversations, newest first, after `before`."""
        facts = {"reader": reader, "before": before, "limit": limit}
        return await self._rows(Conversation, self._queries["newest"], facts)

    async def one(self, reader: UUID, conversation_id: UUID) -> Conversation | None:
        """Return a conversation of the reader."""
        facts = {"reader": reader, "id": conversation_id}
        return _first(await self._rows(Conversation, self._queries["one"], facts))

    async def thread(self, reader: UUID, conversation_id: UUID) -> Thread | None:
        """Return a conversation with its messages and citations."""
        conversation = await self.one(reader, conversation_id)
        if conversation is None:
            return None
        facts = {"id": conversation_id}
        messages = await self._rows(Message, self._queries["messages"], facts)
        # After the messages: an answer that finishes in between has its citations early, not never.
        citations = await self._rows(Citation, self._queries["citations"], facts)
        return Thread(conversation, tuple(messages), _by_message(citations))

    async def message(self, reader: UUID, message_id: UUID) -> Message | None:
        """Return a message of one of the reader's conversations."""
        facts = {"reader": reader, "id": message_id}
        return _first(await self._rows(Message, self._queries["message"], facts))

    async def citations(self, message_id: UUID) -> tuple[Citation, ...]:
        """Return the sources of an answer."""
        statement = self._queries["message_citations"]
        return tuple(await self._rows(Citation, statement, {"id": message_id}))

    async def start(self, reader: UUID, title: str, text: str, worker: int) -> Exchange:
        """Save a new conversation with its first question; return after the commit."""
        facts = {"reader": reader, "title": title, "text": text, "worker": worker}
        question, answer = await self._rows(Message, self._queries["start"], facts)
        return Exchange(question, answer)

    async def ask(
        self, reader: UUID, conversation_id: UUID, text: str, worker: int
    ) -> Exchange | None:
        """Save a question; None if the conversation is not the reader's or is being answered."""
        facts = {"reader": reader, "id": conversation_id, "text": text, "worker": worker}
        try:
            return _exchange(await self._rows(Message, self._queries["ask"], facts))
        except UniqueViolation:
            return None

    async def ask_again(self, reader: UUID, message_id: UUID, worker: int) -> Exchange | None:
        """Empty an answer for another attempt; None if it cannot be tried again now."""
        facts = {"reader": reader, "id": message_id, "worker": worker}
        return _exchange(await self._rows(Message, self._queries["ask_again"], facts))

    async def rename(self, reader: UUID, conversation_id: UUID, title: str) -> Conversation | None:
        """Change a title."""
        facts = {"reader": reader, "id": conversation_id, "title": title}
        return _first(await self._rows(Conversation, self._queries["rename"], facts))

    async def delete(self, reader: UUID, conversation_id: UUID) -> bool:
        """Delete a conversation; return False if the reader has no such conversation."""
        facts = {"reader": reader, "id": conversation_id}
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._queries["delete"], facts)
            return cursor.rowcount == 1

    async def _rows(
        self, kind: type[Row], statement: LiteralString, facts: dict[str, Any]
    ) -> list[Row]:
        async with (
            self._database.connection() as connection,
            connection.cursor(row_factory=record_row(kind)) as cursor,
        ):
            await cursor.execute(statement, facts)
            return await cursor.fetchall()


def _first(rows: list[One]) -> One | None:
    return rows[0] if rows else None


def _exchange(rows: list[Message]) -> Exchange | None:
    return Exchange(rows[0], rows[1]) if rows else None


def _by_message(citations: list[Citation]) -> dict[UUID, tuple[Citation, ...]]:
    grouped: defaultdict[UUID, list[Citation]] = defaultdict(list)
    for citation in citations:
        grouped[citation.message_id].append(citation)
    return {message: tuple(found) for message, found in grouped.items()}
