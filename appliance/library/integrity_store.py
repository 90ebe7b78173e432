"""Rows that say whether stored files and the index are as they were when they were made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.db.rows import record_row
from appliance.library.errors import (
    FILE_FAULTS,
    DocumentError,
    FileDamagedError,
    FileMissingError,
    IndexIncompleteError,
)
from appliance.library.model import IndexRow, RecordedFaults, StoredRow

_QUERIES = Queries("appliance.library")
_CODES = [fault.code for fault in FILE_FAULTS]


class IntegrityStore:
    """Reads what rows promise, and records on them what does not hold."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _ids(self, name: str, /, **values: object) -> list[UUID]:
        cursor = await self._connection.execute(_QUERIES[name], values)
        return [row[0] for row in await cursor.fetchall()]

    async def stored_files(self, after: str, limit: int) -> list[StoredRow]:
        """Return the next files that documents have, in the order of their digests."""
        async with self._connection.cursor(row_factory=record_row(StoredRow)) as cursor:
            values = {"after": after, "limit": limit, "codes": _CODES}
            await cursor.execute(_QUERIES["stored_files"], values)
            return await cursor.fetchall()

    async def due_file(self, age: timedelta) -> StoredRow | None:
        """Return the file that was verified first, if that was longer ago than `age`."""
        async with self._connection.cursor(row_factory=record_row(StoredRow)) as cursor:
            await cursor.execute(_QUERIES["due_file"], {"age": age, "codes": _CODES})
            return await cursor.fetchone()

    async def count_due(self, age: timedelta) -> int:
        """Return how many files were verified longer ago than `age`."""
        cursor = await self._connection.execute(_QUERIES["count_due"], {"age": age})
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def index_rows(self, after: UUID, limit: int) -> list[IndexRow]:
        """Return the next documents in the order of their ids, and whether each is complete."""
        async with self._connection.cursor(row_factory=record_row(IndexRow)) as cursor:
            await cursor.execute(_QUERIES["index_rows"], {"after": after, "limit": limit})
            return await cursor.fetchall()

    async def set_verified(self, digest: str) -> None:
        """Note that a file was looked at now."""
        await self._connection.execute(_QUERIES["set_verified"], {"digest": digest})

    async def fail_file(self, digest: str, fault: DocumentError) -> list[UUID]:
        """Record a fault of a file on its documents; return those that did not have it yet."""
        return await self._ids("fail_file", digest=digest, **_words(fault))

    async def restore_file(self, digest: str) -> list[UUID]:
        """Make documents whose file is whole again ready, or queue them; return which."""
        return await self._ids("restore_file", digest=digest, codes=_CODES)

    async def fail_incomplete(self, documents: Sequence[UUID]) -> list[UUID]:
        """Record on those of the documents that are not complete that they are not."""
        words = _words(IndexIncompleteError())
        return await self._ids("fail_incomplete", documents=list(documents), **words)

    async def recorded_faults(self, within: timedelta) -> RecordedFaults:
        """Count what is recorded, and the files that were not verified within this time."""
        async with self._connection.cursor(row_factory=record_row(RecordedFaults)) as cursor:
            values = {
                "within": within,
                "damaged": FileDamagedError.code,
                "missing": FileMissingError.code,
                "incomplete": IndexIncompleteError.code,
            }
            await cursor.execute(_QUERIES["recorded_faults"], values)
            return await cursor.fetchone() or RecordedFaults()


def _words(fault: DocumentError) -> dict[str, object]:
    return {"code": fault.code, "message": fault.message, "hint": fault.advice}
