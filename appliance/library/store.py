"""Rows of collections, documents and pages; the queries of a person name the reader."""

from __future__ import annotations

from collections.abc import Collection as AnyOf
from collections.abc import Sequence
from uuid import UUID

from appliance.accounts.model import Account
from appliance.actors.permissions import Permission
from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.db.rows import record_row
from appliance.library.model import (
    Collection,
    Document,
    DocumentState,
    LedgerRow,
    PageText,
    QueueCounts,
    QueuedDocument,
)

_QUERIES = Queries("appliance.library")


class LibraryStore:
    """Reads and writes the library with the rights of one reader."""

    def __init__(self, connection: Connection, reader: Account) -> None:
        self._connection = connection
        self._reader = reader

    async def _changed(self, name: str, /, **values: object) -> int:
        cursor = await self._connection.execute(_QUERIES[name], self._with_reader(values))
        return cursor.rowcount

    async def _id(self, name: str, /, **values: object) -> UUID | None:
        cursor = await self._connection.execute(_QUERIES[name], self._with_reader(values))
        row = await cursor.fetchone()
        return row[0] if row else None

    def _with_reader(self, values: dict[str, object]) -> dict[str, object]:
        return {"reader": self._reader.id, **values}

    async def ensure_private_collection(self, name: str) -> None:
        """Create the reader's own collection if it is missing."""
        await self._changed("ensure_private_collection", name=name)

    async def collections(self) -> list[Collection]:
        """Return the collections that the reader may see, their own first."""
        async with self._connection.cursor(row_factory=record_row(Collection)) as cursor:
            await cursor.execute(_QUERIES["collections"], self._with_reader({}))
            return await cursor.fetchall()

    async def documents(
        self,
        *,
        document: UUID | None = None,
        collection: UUID | None = None,
        words: str = "",
        limit: int = 1,
        offset: int = 0,
    ) -> list[Document]:
        """Return documents, newest first; the file's name must contain `words`."""
        values = self._with_reader(
            {
                "may_change_shared": self._reader.may(Permission.MANAGE_SHARED_DOCUMENTS),
                "document": document,
                "collection": collection,
                "words": words,
                "limit": limit,
                "offset": offset,
            }
        )
        async with self._connection.cursor(row_factory=record_row(Document)) as cursor:
            await cursor.execute(_QUERIES["documents"], values)
            return await cursor.fetchall()

    async def count_documents(self, collection: UUID | None, words: str) -> int:
        """Return how many documents there are."""
        values = self._with_reader({"collection": collection, "words": words})
        cursor = await self._connection.execute(_QUERIES["count_documents"], values)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def ledger(self, document: UUID, limit: int | None, offset: int) -> list[LedgerRow]:
        """Return the result of reading each page."""
        values = self._with_reader({"document": document, "limit": limit, "offset": offset})
        async with self._connection.cursor(row_factory=record_row(LedgerRow)) as cursor:
            await cursor.execute(_QUERIES["ledger"], values)
            return await cursor.fetchall()

    async def page(self, document: UUID, number: int) -> PageText | None:
        """Return one page."""
        values = self._with_reader({"document": document, "number": number})
        async with self._connection.cursor(row_factory=record_row(PageText)) as cursor:
            await cursor.execute(_QUERIES["page"], values)
            return await cursor.fetchone()

    async def add_document(
        self, *, collection: UUID, file_name: str, digest: str, size: int
    ) -> UUID | None:
        """Insert a queued document; None if the collection already has this content."""
        return await self._id(
            "add_document", collection=collection, file_name=file_name, digest=digest, size=size
        )

    async def document_by_digest(self, collection: UUID, digest: str) -> UUID | None:
        """Return the document of a collection that has this content."""
        return await self._id("document_by_digest", collection=collection, digest=digest)

    async def announce(self, document: UUID) -> None:
        """Notify the ingest process at the commit."""
        await self._changed("announce", document=document)

    async def delete_document(self, document: UUID) -> None:
        """Delete a document with its pages, chunks and vectors."""
        await self._changed("delete_document", document=document)


class DocumentStore:
    """Reads and writes documents for the machine itself, without the rights of a reader."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _first(self, name: str, /, **values: object) -> object:
        cursor = await self._connection.execute(_QUERIES[name], values)
        row = await cursor.fetchone()
        return row[0] if row else None

    async def queue_again(
        self,
        states: AnyOf[DocumentState],
        document: UUID | None = None,
        file_name: str | None = None,
    ) -> int:
        """Queue one document, or all, that are in one of the `states`; return how many."""
        values = {
            "states": [str(state) for state in states],
            "document": document,
            "file_name": file_name,
        }
        cursor = await self._connection.execute(_QUERIES["queue_again"], values)
        return cursor.rowcount

    async def lock_digest(self, digest: str) -> None:
        """Hold the lock on a file until the commit."""
        await self._first("lock_digest", digest=digest)

    async def digest_is_used(self, digest: str) -> bool:
        """Return whether any document has this content."""
        return bool(await self._first("digest_is_used", digest=digest))

    async def unused_digests(self, digests: Sequence[str]) -> list[str]:
        """Return those of `digests` that no document has."""
        values = {"digests": list(digests)}
        cursor = await self._connection.execute(_QUERIES["unused_digests"], values)
        return [str(digest) for (digest,) in await cursor.fetchall()]

    async def queue(self, state: DocumentState | None, limit: int) -> list[QueuedDocument]:
        """Return the operator's view of the queue."""
        async with self._connection.cursor(row_factory=record_row(QueuedDocument)) as cursor:
            values = {"state": None if state is None else str(state), "limit": limit}
            await cursor.execute(_QUERIES["queue"], values)
            return await cursor.fetchall()

    async def counts(self) -> QueueCounts:
        """Return how many documents are in each state."""
        cursor = await self._connection.execute(_QUERIES["counts"])
        return QueueCounts(**dict(await cursor.fetchall()))
