"""What people do with documents: upload, list, read a page, delete, try again.

The actor is always the first argument. Every query filters by what the actor may see; an object
that the actor may not see raises NotFoundError.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from appliance.accounts.model import Account
from appliance.actors.model import Actor, require_own
from appliance.audit.model import Action
from appliance.audit.service import record
from appliance.core.errors import DatabaseUnavailableError, NotFoundError
from appliance.db.pool import OPERATION_SECONDS, Database
from appliance.library.blobs import Blobs, Incoming
from appliance.library.errors import NothingToRetryError, NotYourDocumentError
from appliance.library.integrity import Integrity, restore
from appliance.library.model import (
    PRIVATE_NAME,
    Collection,
    Document,
    LedgerRow,
    Original,
    PageText,
    Uploaded,
)
from appliance.library.names import clean
from appliance.library.orphans import remove_unused
from appliance.library.queue import document_event, queue_again
from appliance.library.quota import Quotas
from appliance.library.store import DocumentStore, LibraryStore

_LOG = logging.getLogger(__name__)

PAGE_SIZE = 100


class LibraryService:
    """The library of this machine."""

    def __init__(self, database: Database, blobs: Blobs, quotas: Quotas) -> None:
        self._database = database
        self._blobs = blobs
        self._quotas = quotas
        self._integrity = Integrity(database, blobs)

    async def collections(self, actor: Account) -> list[Collection]:
        """Return the collections the actor may see and add to: their own, then shared ones."""
        async with self._database.connection() as connection:
            store = LibraryStore(connection, actor)
            found = await store.collections()
            if all(collection.is_shared for collection in found):
                await store.ensure_private_collection(PRIVATE_NAME)
                found = await store.collections()
            return found

    async def collection(self, actor: Account, name_or_id: str) -> Collection:
        """Return a collection by its id or its name. Raises NotFoundError.

        The actor's own collection wins over a shared one of the same name.
        """
        for collection in await self.collections(actor):
            if name_or_id in {collection.name, str(collection.id)}:
                return collection
        raise NotFoundError(what="collection")

    async def documents(
        self,
        actor: Account,
        collection: UUID | None = None,
        *,
        words: str = "",
        limit: int = PAGE_SIZE,
        offset: int = 0,
    ) -> list[Document]:
        """Return documents, newest first; the file's name must contain `words`."""
        async with self._database.connection() as connection:
            return await LibraryStore(connection, actor).documents(
                collection=collection, words=words, limit=limit, offset=offset
            )

    async def count(
        self, actor: Account, collection: UUID | None = None, *, words: str = ""
    ) -> int:
        """Return how many documents `documents` would return without a limit."""
        async with self._database.connection() as connection:
            return await LibraryStore(connection, actor).count_documents(collection, words)

    async def document(self, actor: Account, document: UUID) -> Document:
        """Return one document. Raises NotFoundError."""
        async with self._database.connection() as connection:
            return await _document(LibraryStore(connection, actor), document)

    async def ledger(
        self, actor: Account, document: UUID, *, limit: int | None = None, offset: int = 0
    ) -> list[LedgerRow]:
        """Return the result of reading each page; nothing for what the actor may not see."""
        async with self._database.connection() as connection:
            return await LibraryStore(connection, actor).ledger(document, limit, offset)

    async def page(self, actor: Account, document: UUID, number: int) -> PageText:
        """Return the text of one page. Raises NotFoundError."""
        async with self._database.connection() as connection:
            page = await LibraryStore(connection, actor).page(document, number)
        if page is None:
            raise NotFoundError(what="page")
        return page

    @asynccontextmanager
    async def original(self, actor: Account, document: UUID) -> AsyncIterator[Original]:
        """Lend the uploaded file, which is verified while it is read; a fault is recorded.

        Raises NotFoundError, FileMissingError and FileDamagedError; the last one also in place of
        the last piece.
        """
        found = await self.document(actor, document)
        async with (
            self._integrity.reading(found.digest, found.size) as file,
            aclosing(file.pieces()) as pieces,
        ):
            yield Original(found.file_name, found.size, pieces)

    async def upload(
        self,
        owner: Account,
        collection: UUID,
        file_name: str,
        pieces: AsyncIterator[bytes],
        declared_size: int | None = None,
        *,
        by: Actor,
    ) -> Uploaded:
        """Keep a file and queue it; on return it is on the disk and in the database for good.

        The document is the owner's; the audit names `by`, who may be the command line.

        Raises NotFoundError (collection), EmptyFileError, UploadTooLargeError, QuotaExceededError,
        DiskFullError.
        """
        await self._check_collection(owner, collection)
        async with self.receive(owner, pieces, declared_size) as incoming:
            return await self.add(owner, collection, file_name, incoming, by=by)

    @asynccontextmanager
    async def receive(
        self, owner: Account, pieces: AsyncIterator[bytes], declared_size: int | None = None
    ) -> AsyncIterator[Incoming]:
        """Write a file of `owner` to the disk without a name; without `add` it is deleted again.

        Raises EmptyFileError, UploadTooLargeError, QuotaExceededError, DiskFullError.
        """
        async with (
            self._quotas.counting(owner, pieces, declared_size or 0) as counted,
            self._blobs.receive(counted, declared_size) as incoming,
        ):
            yield incoming

    async def add(
        self,
        owner: Account,
        collection: UUID,
        file_name: str,
        incoming: Incoming,
        *,
        by: Actor,
    ) -> Uploaded:
        """Queue a file that was received, for its owner; the audit names `by`.

        The file gets its name and the row is committed under the lock of the digest, so that a
        deletion of the same content cannot remove the file in between. The commit notifies the
        ingest process. A file that the collection already has is not added again; if it could not
        be read, it is queued again under the new name. The file replaces one that is damaged or
        missing, and repairs every document that has it. Raises NotFoundError (collection),
        QuotaExceededError, ForbiddenError when `by` may not add documents for the owner.
        """
        require_own(by, owner)
        await self._check_collection(owner, collection)
        name = clean(file_name)
        async with self._database.transaction(limit=OPERATION_SECONDS) as connection:
            await DocumentStore(connection).lock_digest(incoming.digest)
            store = LibraryStore(connection, owner)
            known = await store.document_by_digest(collection, incoming.digest)
            if known is None:
                await self._quotas.require_room(connection, owner, incoming.size)
            await self._blobs.keep(incoming)
            restored = await restore(connection, incoming.digest)
            added = known is None and await store.add_document(
                collection=collection, file_name=name, digest=incoming.digest, size=incoming.size
            )
            document = added or known
            if not document:
                raise NotFoundError(what="collection")
            if added:
                await store.announce(document)
            if added or document in restored:
                await record(connection, by, document_event(Action.DOCUMENT_ADD, document))
            else:
                action = Action.DOCUMENT_ADD
                await queue_again(connection, by, document, action=action, file_name=name)
            return Uploaded(await _document(store, document), duplicate=not added)

    async def delete(self, actor: Account, document: UUID) -> None:
        """Delete a document with its pages, chunks and vectors, then its file if it is an orphan.

        A file that cannot be deleted now is left to the ingest process; the document is gone.
        Raises NotFoundError or NotYourDocumentError.
        """
        async with self._database.transaction(limit=OPERATION_SECONDS) as connection:
            store = LibraryStore(connection, actor)
            found = await _changeable(store, document)
            await store.delete_document(document)
            await record(connection, actor, document_event(Action.DOCUMENT_DELETE, document))
        try:
            await remove_unused(self._database, self._blobs, found.digest)
        except (OSError, DatabaseUnavailableError) as error:
            _LOG.warning("orphan not deleted, left to ingest: %s", error)

    async def own_with_content(self, actor: Account, digest: str) -> UUID | None:
        """Return the document of the actor's own collection that has a content, by its SHA-256."""
        async with self._database.connection() as connection:
            store = LibraryStore(connection, actor)
            for collection in await store.collections():
                if not collection.is_shared:
                    return await store.document_by_digest(collection.id, digest)
        return None

    async def retry(self, actor: Account, document: UUID) -> Document:
        """Queue a document again that could not be read.

        Raises NotFoundError, NotYourDocumentError or NothingToRetryError.
        """
        async with self._database.transaction() as connection:
            store = LibraryStore(connection, actor)
            found = await _changeable(store, document)
            if not await queue_again(connection, actor, document):
                raise NothingToRetryError(file_name=found.file_name)
            return await _document(store, document)

    async def _check_collection(self, actor: Account, collection: UUID) -> None:
        if collection not in {found.id for found in await self.collections(actor)}:
            raise NotFoundError(what="collection")


async def _document(store: LibraryStore, document: UUID) -> Document:
    for found in await store.documents(document=document):
        return found
    raise NotFoundError(what="document")


async def _changeable(store: LibraryStore, document: UUID) -> Document:
    found = await _document(store, document)
    if not found.may_change:
        raise NotYourDocumentError(file_name=found.file_name)
    return found
