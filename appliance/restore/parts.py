"""The statements that read a part of one database and add it to another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.restore")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LostDocument:
    """A document as it is added again: its derived rows are made by reading it."""

    id: UUID
    collection: str
    owner: UUID | None
    uploaded_by: UUID | None
    file_name: str
    digest: str
    size: int
    created_at: datetime

    def is_called(self, subject: str) -> bool:
        """Whether a person means it by this id, name or digest."""
        return subject in {str(self.id), self.file_name, self.digest}


@dataclass(frozen=True, slots=True)
class Person:
    """A person of a set."""

    id: UUID
    name: str


class PartStore:
    """Reads parts, and adds them: always with ids, so that nothing is added twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def documents(self) -> list[LostDocument]:
        """Return all documents, the oldest first."""
        async with self._connection.cursor(row_factory=class_row(LostDocument)) as cursor:
            await cursor.execute(_QUERIES["documents"])
            return await cursor.fetchall()

    async def add_document(self, document: LostDocument) -> bool:
        """Add a document, to be read; return whether it was missing and has a collection."""
        values = asdict(document)
        await self._connection.execute(_QUERIES["add_collection"], values)
        cursor = await self._connection.execute(_QUERIES["add_document"], values)
        return cursor.rowcount > 0

    async def notify_queued(self) -> None:
        """Wake the process that reads documents, at the commit."""
        await self._connection.execute(_QUERIES["notify_queued"])

    async def person(self, subject: str) -> Person | None:
        """Return the person with this name or id."""
        async with self._connection.cursor(row_factory=class_row(Person)) as cursor:
            await cursor.execute(_QUERIES["person"], {"subject": subject})
            return await cursor.fetchone()

    async def account_of(self, person: Person) -> UUID | None:
        """Return the account that the person has here: the same one, or one of the same name."""
        values = {"id": person.id, "name": person.name}
        row = await self._first("account_of", values)
        return row[0] if row else None

    async def conversation_ids(self) -> set[UUID]:
        """Return the ids of all conversations."""
        cursor = await self._connection.execute(_QUERIES["conversation_ids"])
        return {row[0] for row in await cursor.fetchall()}

    async def conversations(self, person: UUID) -> list[Row]:
        """Return the rows of a person's conversations."""
        return await self._rows("conversations_of", {"person": person})

    async def messages(self, conversation: str) -> list[Row]:
        """Return the rows of a conversation's messages."""
        return await self._rows("messages_of", {"conversation": conversation})

    async def citations(self, conversation: str) -> list[Row]:
        """Return the rows of a conversation's citations."""
        return await self._rows("citations_of", {"conversation": conversation})

    async def add_conversation(self, row: Mapping[str, Any]) -> None:
        """Add a conversation as it was."""
        await self._connection.execute(_QUERIES["add_conversation"], {"row": Jsonb(dict(row))})

    async def add_message(self, row: Mapping[str, Any]) -> None:
        """Add a message as it was."""
        await self._connection.execute(_QUERIES["add_message"], {"row": Jsonb(dict(row))})

    async def add_citation(self, row: Mapping[str, Any]) -> None:
        """Add a citation as it was."""
        await self._connection.execute(_QUERIES["add_citation"], {"row": Jsonb(dict(row))})

    async def settings(self) -> dict[str, Row]:
        """Return the rows of what operators have set, by name."""
        cursor = await self._connection.execute(_QUERIES["settings"])
        return dict(await cursor.fetchall())

    async def set(self, row: Mapping[str, Any]) -> None:
        """Set one setting as it was, with who changed it."""
        await self._connection.execute(_QUERIES["set"], {"row": Jsonb(dict(row))})

    async def _rows(self, name: str, values: Mapping[str, object]) -> list[Row]:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return [row[0] for row in await cursor.fetchall()]

    async def _first(self, name: str, values: Mapping[str, object]) -> Sequence[Any] | None:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return await cursor.fetchone()
