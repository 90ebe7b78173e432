"""Rows that reading a document needs: the lease, the ledger of pages, the chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from psycopg.rows import class_row

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.ingest.extract.page import ExtractedPage
from appliance.ingest.model import IndexedDocument, Lease
from appliance.library.model import DocumentState, Fault

_QUERIES = Queries("appliance.ingest")
# Chunks of one statement: the connection encodes them on the event loop, and keeps a buffer of the
# size of its largest statement.
_BATCH = 100


class IngestStore:
    """Reads and writes `library.document`, `library.page` and `library.chunk` under a lease."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _changed(self, name: str, /, **values: object) -> int:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return cursor.rowcount

    async def _first(self, name: str, /, **values: object) -> object:
        cursor = await self._connection.execute(_QUERIES[name], values)
        row = await cursor.fetchone()
        return row[0] if row else None

    async def hold_instance(self, instance: str) -> bool:
        """Hold the lock of an instance for as long as the connection lives."""
        return bool(await self._first("hold_instance", instance=instance))

    async def lease(self, instance: str) -> Lease | None:
        """Lease the document whose turn it is; None if there is none, or it has to wait."""
        async with self._connection.cursor(row_factory=class_row(Lease)) as cursor:
            await cursor.execute(_QUERIES["lease"], {"instance": instance})
            return await cursor.fetchone()

    async def forget_attempt(self, document: UUID) -> None:
        """Delete the pages and chunks of an earlier attempt."""
        await self._changed("forget_pages", id=document)
        await self._changed("forget_chunks", id=document)

    async def hold_lease(self, document: UUID, instance: str) -> bool:
        """Return whether the lease is still valid, and keep it valid until the commit."""
        return bool(await self._first("hold_lease", id=document, instance=instance))

    async def set_page_count(self, document: UUID, instance: str, page_count: int) -> None:
        """Store the number of pages, for the progress shown."""
        await self._changed("set_page_count", id=document, instance=instance, page_count=page_count)

    async def add_pages(
        self, document: UUID, instance: str, pages: Sequence[ExtractedPage]
    ) -> bool:
        """Add rows to the ledger. False: the document was deleted, or the lease was lost."""
        added = await self._changed(
            "add_pages",
            id=document,
            instance=instance,
            numbers=[page.number for page in pages],
            labels=[page.label for page in pages],
            states=[str(page.state) for page in pages],
            texts=[page.text for page in pages],
            notes=[page.note for page in pages],
        )
        return added == len(pages)

    async def finish(self, lease: Lease, document: IndexedDocument) -> None:
        """Add all chunks and make the document ready. The caller has called `hold_lease`."""
        for before in range(0, len(document.chunks), _BATCH):
            await self._add_chunks(lease, document, before)
        await self._changed(
            "finish",
            id=lease.id,
            title=document.title,
            language=document.language,
            page_count=document.page_count,
        )

    async def _add_chunks(self, lease: Lease, document: IndexedDocument, before: int) -> None:
        chunks = document.chunks[before : before + _BATCH]
        await self._changed(
            "add_chunks",
            id=lease.id,
            collection_id=lease.collection_id,
            language=document.language,
            before=before,
            pages=[chunk.page for chunk in chunks],
            starts=[chunk.start for chunk in chunks],
            ends=[chunk.end for chunk in chunks],
            heading_paths=[json.dumps(chunk.heading_path) for chunk in chunks],
            texts=[chunk.text for chunk in chunks],
            heading_words=[chunk.heading_words for chunk in chunks],
            body_words=[chunk.body_words for chunk in chunks],
        )

    async def fail(self, document: UUID, instance: str, state: DocumentState, fault: Fault) -> None:
        """End the lease and store why the document could not be read."""
        await self._changed(
            "fail",
            id=document,
            instance=instance,
            state=str(state),
            code=fault.code,
            message=fault.message,
            hint=fault.hint,
        )

    async def release(self, document: UUID, instance: str) -> None:
        """End the lease and queue the document again: it is not to blame for the interruption."""
        await self._changed("release", id=document, instance=instance)

    async def abandoned(self, instance: str) -> list[UUID]:
        """Return the documents of instances that have ended, and lock them until the commit."""
        cursor = await self._connection.execute(_QUERIES["abandoned"], {"instance": instance})
        return [document for (document,) in await cursor.fetchall()]

    async def interrupt(
        self, documents: Sequence[UUID], most: int, fault: Fault
    ) -> list[tuple[UUID, DocumentState]]:
        """End leases whose reading was ended from outside; return ids and new states.

        The documents are read alone from here on. One that was read alone `most` times and each
        time did not survive it goes into quarantine. The caller holds locks on the rows.
        """
        cursor = await self._connection.execute(
            _QUERIES["interrupt"],
            {
                "ids": list(documents),
                "most": most,
                "code": fault.code,
                "message": fault.message,
                "hint": fault.hint,
            },
        )
        return [(document, DocumentState(state)) for document, state in await cursor.fetchall()]

    async def queue_length(self) -> int:
        """Return how many documents are not finished."""
        cursor = await self._connection.execute(_QUERIES["queue_length"])
        row = await cursor.fetchone()
        return int(row[0]) if row else 0
