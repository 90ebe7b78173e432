"""Conversations in the database. Every statement that takes a reader filters by owner."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation

from appliance.conversations.model import (
    Citation,
    Conversation,
    Exchange,
    Message,
    PageSize,
    Thread,
)
from appliance.db.pool import Database
from appliance.db.queries import Queries
from appliance.db.rows import Row, fetch_records

One = TypeVar("One")


class ConversationStore:
    """The only reader of this feature's statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = Queries("appliance.conversations")

    async def newest(self, reader: UUID, before: UUID | None, limit: int) -> list[Conversation]:
        """Return up to `limit` conversations, newest first, after `before`."""
        return await self._rows(Conversation, "newest", reader=reader, before=before, limit=limit)

    async def one(self, reader: UUID, conversation_id: UUID) -> Conversation | None:
        """Return a conversation of the reader."""
        return _first(await self._rows(Conversation, "one", reader=reader, id=conversation_id))

    async def thread(
        self, reader: UUID, conversation_id: UUID, before: int | None, size: PageSize
    ) -> Thread | None:
        """Return a conversation with its last messages before an ordinal, and their citations."""
        conversation = await self.one(reader, conversation_id)
        if conversation is None:
            return None
        messages = await self._rows(
            Message,
            "messages",
            id=conversation_id,
            before=before,
            limit=size.messages,
            characters=size.characters,
        )
        # After the messages: an answer that finishes in between has its citations early, not never.
        ids = [message.id for message in messages]
        citations = await self._rows(Citation, "citations", ids=ids)
        return Thread(conversation, tuple(messages), _by_message(citations))

    async def keep_html(self, message: Message, html: str, version: int) -> None:
        """Keep the HTML of an answer, unless its text has changed."""
        facts = {"id": message.id, "text": message.text, "html": html, "version": version}
        async with self._database.connection() as connection:
            await connection.execute(self._queries["keep_html"], facts)

    async def message(self, reader: UUID, message_id: UUID) -> Message | None:
        """Return a message of one of the reader's conversations."""
        return _first(await self._rows(Message, "message", reader=reader, id=message_id))

    async def citations(self, message_id: UUID) -> tuple[Citation, ...]:
        """Return the sources of an answer."""
        return tuple(await self._rows(Citation, "message_citations", id=message_id))

    async def start(self, reader: UUID, title: str, text: str, worker: int) -> Exchange:
        """Save a new conversation with its first question; return after the commit."""
        question, answer = await self._rows(
            Message, "start", reader=reader, title=title, text=text, worker=worker
        )
        return Exchange(question, answer)

    async def ask(
        self, reader: UUID, conversation_id: UUID, text: str, worker: int
    ) -> Exchange | None:
        """Save a question; None if the conversation is not the reader's or is being answered."""
        facts = {"reader": reader, "id": conversation_id, "text": text, "worker": worker}
        try:
            return _exchange(await self._rows(Message, "ask", **facts))
        except UniqueViolation:
            return None

    async def ask_again(self, reader: UUID, message_id: UUID, worker: int) -> Exchange | None:
        """Empty an answer for another attempt; None if it cannot be tried again now."""
        return _exchange(
            await self._rows(Message, "ask_again", reader=reader, id=message_id, worker=worker)
        )

    async def rename(self, reader: UUID, conversation_id: UUID, title: str) -> Conversation | None:
        """Change a title."""
        return _first(
            await self._rows(Conversation, "rename", reader=reader, id=conversation_id, title=title)
        )

    async def delete(self, reader: UUID, conversation_id: UUID) -> bool:
        """Delete a conversation; return False if the reader has no such conversation."""
        facts = {"reader": reader, "id": conversation_id}
        async with self._database.connection() as connection:
            cursor = await connection.execute(self._queries["delete"], facts)
            return cursor.rowcount == 1

    async def _rows(self, kind: type[Row], name: str, /, **facts: object) -> list[Row]:
        return await fetch_records(self._database, kind, self._queries[name], facts)


def _first(rows: list[One]) -> One | None:
    return rows[0] if rows else None


def _exchange(rows: list[Message]) -> Exchange | None:
    return Exchange(rows[0], rows[1]) if rows else None


def _by_message(citations: list[Citation]) -> dict[UUID, tuple[Citation, ...]]:
    grouped: defaultdict[UUID, list[Citation]] = defaultdict(list)
    for citation in citations:
        grouped[citation.message_id].append(citation)
    return {message: tuple(found) for message, found in grouped.items()}
