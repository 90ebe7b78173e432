"""The statements of a restore, on a database that is built or on the running one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.restore")
# halfvec has three digits: a vector is this near to itself.
_SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what in a database: valid keys, locked people, and how many people there are."""

    keys: Sequence[UUID]
    locked: Sequence[UUID]
    people: int


@dataclass(frozen=True, slots=True)
class Contents:
    """How much a database has; `new_…` is what was added since a moment."""

    people: int
    documents: int
    conversations: int
    new_people: int
    new_documents: int
    new_conversations: int
    new_messages: int
    newest_document: datetime | None
    newest_message: datetime | None
    schema: int


class RestoreStore:
    """Statements on one connection in autocommit mode."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def identities(self) -> dict[UUID, str]:
        """Return the digest of each document's file."""
        cursor = await self._connection.execute(_QUERIES["identities"])
        return dict(await cursor.fetchall())

    async def models(self) -> dict[int, tuple[str, str]]:
        """Return name and digest of each embedding model."""
        cursor = await self._connection.execute(_QUERIES["embedding_models"])
        return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}

    async def keep_derived(self, documents: Collection[UUID], models: Collection[int]) -> int:
        """Keep pages, chunks and vectors of these documents and models; queue all other documents.

        The counts of words are made again. Returns how many documents are queued.
        """
        async with self._connection.transaction():
            await self._do("without_triggers")
            await self._do("drop_other_pages", documents=list(documents))
            await self._do("drop_other_chunks", documents=list(documents))
        queued = await self.queue_incomplete()
        async with self._connection.transaction():
            await self._do("without_triggers")
            await self._do("drop_pages_of", documents=queued)
            await self._do("drop_chunks_of", documents=queued)
            await self._do("drop_other_vectors", models=list(models))
            for statement in ("terms", "languages"):
                await self._do(f"forget_{statement}")
                await self._do(f"count_{statement}")
        return len(queued)

    async def queue_incomplete(self) -> list[UUID]:
        """Queue the documents whose pages and chunks are not there, and return them."""
        cursor = await self._connection.execute(_QUERIES["queue_incomplete"])
        return [row[0] for row in await cursor.fetchall()]

    async def end_what_ran(self) -> None:
        """End the invitations and jobs of the time when the set was made."""
        await self._do("end_invitations")
        await self._do("end_jobs")

    async def access(self) -> Access:
        """Return who may do what."""
        async with self._connection.cursor(row_factory=class_row(Access)) as cursor:
            await cursor.execute(_QUERIES["access_now"])
            (found,) = await cursor.fetchall()
        return found

    async def keep_access(self, access: Access) -> int:
        """Let keys that were ended, and people who were locked, stay so; return how many keys."""
        cursor = await self._connection.execute(_QUERIES["end_keys"], {"keys": list(access.keys)})
        await self._do("lock_people", people=list(access.locked))
        return cursor.rowcount

    async def contents(self, since: datetime) -> Contents:
        """Return how much there is."""
        async with self._connection.cursor(row_factory=class_row(Contents)) as cursor:
            await cursor.execute(_QUERIES["contents"], {"since": since})
            (found,) = await cursor.fetchall()
        return found

    async def finds_by_word(self) -> bool | None:
        """Look for a word of some passage; None where there is no passage."""
        row = await self._first("word_of_a_chunk")
        if row is None:
            return None
        found = await self._first("found_by_word", lexeme=row[1])
        return found is not None and found[0] > 0

    async def finds_by_vector(self) -> bool | None:
        """Look for the passage with a vector; None where there is no vector."""
        row = await self._first("vector_of_a_chunk")
        if row is None:
            return None
        found = await self._first("found_by_vector", model=row[0], chunk=row[1])
        return found is not None and abs(found[0]) < _SAME

    async def _first(self, name: str, **values: object) -> Sequence[Any] | None:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return await cursor.fetchone()

    async def _do(self, name: str, **values: object) -> None:
        await self._connection.execute(_QUERIES[name], values)
