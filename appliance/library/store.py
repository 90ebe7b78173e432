"""Rows of collections, documents and pages; every question names its reader."""

from __future__ import annotations

from collections.abc import Collection as AnyOf
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row, kwargs_row

from appliance.accounts.model import Account
from appliance.actors.permissions import Permission
from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.library.model import (
    Collection,
    Document,
    DocumentState,
    Fault,
    LedgerRow,
    PageState,
    PageText,
    QueueCounts,
    QueuedDocument,
)

_QUERIES = Queries("appliance.library")


class LibraryStore:
    """Reads and writes what is in the library, as one reader may."""

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
        """Return what the reader may see, shared ones first."""
        async with self._connection.cursor(row_factory=class_row(Collection)) as cursor:
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
        """Return documents, newest first; `words` must stand in the file's name."""
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
        async with self._connection.cursor(row_factory=kwargs_row(_document)) as cursor:
            await cursor.execute(_QUERIES["documents"], values)
            return await cursor.fetchall()

    async def count_documents(self, collection: UUID | None, words: str) -> int:
        """Return how many documents there are."""
        values = self._with_reader({"collection": collection, "words": words})
        cursor = await self._connection.execute(_QUERIES["count_documents"], values)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def ledger(self, document: UUID, limit: int | None, offset: int) -> list[LedgerRow]:
        """Return how the reading of each page went."""
        values = self._with_reader({"document": document, "limit": limit, "offset": offset})
        async with self._connection.cursor(row_factory=kwargs_row(_ledger_row)) as cursor:
            await cursor.execute(_QUERIES["ledger"], values)
            return await cursor.fetchall()

    async def page(self, document: UUID, number: int) -> PageText | None:
        """Return one page."""
        values = self._with_reader({"document": document, "number": number})
        async with self._connection.cursor(row_factory=kwargs_row(_page)) as cursor:
            await cursor.execute(_QUERIES["page"], values)
            return await cursor.fetchone()

    async def add_document(
        self, *, collection: UUID, file_name: str, digest: str, size: int
    ) -> UUID | None:
        """Insert a queued document; None if the collection has this content already."""
        return await self._id(
            "add_document", collection=collection, file_name=file_name, digest=digest, size=size
        )

    async def document_by_digest(self, collection: UUID, digest: str) -> UUID | None:
        """Return the document of a collection that has this content."""
        return await self._id("document_by_digest", collection=collection, digest=digest)

    async def announce(self, document: UUID) -> None:
        """Wake the ingest process at the commit."""
        await self._changed("announce", document=document)

    async def delete_document(self, document: UUID) -> None:
        """Remove a document and all that was made of it."""
        await self._changed("delete_document", document=document)


class DocumentStore:
    """Reads and writes documents for the machine itself: no reader is asked for."""

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
        """Queue one document, or all, in one of the `states`; return how many that were."""
        values = {
            "states": [str(state) for state in states],
            "document": document,
            "file_name": file_name,
        }
        cursor = await self._connection.execute(_QUERIES["queue_again"], values)
        return cursor.rowcount

    async def listen_for_removals(self) -> None:
        """Be told on this connection when documents were removed."""
        await self._connection.execute("LISTEN library_removed")

    async def lock_digest(self, digest: str) -> None:
        """Hold the lock on a file until the commit."""
        await self._first("lock_digest", digest=digest)

    async def digest_is_used(self, digest: str) -> bool:
        """Say whether any document has this content."""
        return bool(await self._first("digest_is_used", digest=digest))

    async def unused_digests(self, digests: Sequence[str]) -> list[str]:
        """Return those of many contents that no document has."""
        values = {"digests": list(digests)}
        cursor = await self._connection.execute(_QUERIES["unused_digests"], values)
        return [str(digest) for (digest,) in await cursor.fetchall()]

    async def queue(self, state: DocumentState | None, limit: int) -> list[QueuedDocument]:
        """Return the operator's view of the queue."""
        async with self._connection.cursor(row_factory=kwargs_row(_queued)) as cursor:
            values = {"state": None if state is None else str(state), "limit": limit}
            await cursor.execute(_QUERIES["queue"], values)
            return await cursor.fetchall()

    async def counts(self) -> QueueCounts:
        """Return how many documents are in each state."""
        cursor = await self._connection.execute(_QUERIES["counts"])
        return QueueCounts(**dict(await cursor.fetchall()))


def _document(  # noqa: PLR0913 - the columns of the row
    *,
    id: UUID,  # noqa: A002
    collection_id: UUID,
    collection: str,
    is_shared: bool,
    uploader: str | None,
    file_name: str,
    digest: str,
    size: int,
    state: str,
    error_code: str | None,
    error_message: str | None,
    error_hint: str | None,
    title: str | None,
    pages_done: int,
    pages_without_text: int,
    page_count: int | None,
    created_at: datetime,
    ready_at: datetime | None,
    may_change: bool,
) -> Document:
    return Document(
        id=id,
        collection_id=collection_id,
        collection=collection,
        is_shared=is_shared,
        uploader=uploader,
        file_name=file_name,
        digest=digest,
        size=size,
        state=DocumentState(state),
        fault=fault(error_code, error_message, error_hint),
        title=title,
        pages_done=pages_done,
        pages_without_text=pages_without_text,
        page_count=page_count,
        created_at=created_at,
        ready_at=ready_at,
        may_change=may_change,
    )


def _ledger_row(
    *, number: int, label: str | None, state: str, characters: int, note: str | None
) -> LedgerRow:
    return LedgerRow(number, label, PageState(state), characters, note)


def _page(  # noqa: PLR0913 - the columns of the row
    *,
    number: int,
    label: str | None,
    state: str,
    text: str,
    note: str | None,
    previous: int | None,
    next: int | None,  # noqa: A002
) -> PageText:
    return PageText(number, label, PageState(state), text, note, previous, next)


def _queued(  # noqa: PLR0913 - the columns of the row
    *,
    id: UUID,  # noqa: A002
    file_name: str,
    owner: str | None,
    collection: str,
    size: int,
    state: str,
    pages_done: int,
    page_count: int | None,
    attempts: int,
    created_at: datetime,
    error_code: str | None,
    error_message: str | None,
    error_hint: str | None,
) -> QueuedDocument:
    return QueuedDocument(
        id=id,
        file_name=file_name,
        owner=owner,
        collection=collection,
        size=size,
        state=DocumentState(state),
        pages_done=pages_done,
        page_count=page_count,
        attempts=attempts,
        created_at=created_at,
        fault=fault(error_code, error_message, error_hint),
    )


def fault(code: str | None, message: str | None, hint: str | None) -> Fault | None:
    """Put the three columns of an error together."""
    return None if code is None else Fault(code, message or "", hint or "")
