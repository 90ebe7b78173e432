"""Damage to what was kept, as a disk or a person at the machine does it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from appliance.db.pool import Database


def change(path: Path, at: int = 0) -> None:
    """Change a byte of a file, whose size stays the same."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


async def lose_chunks(database: Database, document: UUID, most: int | None = None) -> None:
    """Delete chunks of a document, all or so many. `database` must be the owner's."""
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM library.chunk WHERE id IN"
            " (SELECT id FROM library.chunk WHERE document_id = %s LIMIT %s)",
            (document, most),
        )


async def lose_page(database: Database, document: UUID) -> None:
    """Delete a row of the ledger."""
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM library.page WHERE document_id = %s AND number = 1", (document,)
        )


async def make_due(database: Database, document: UUID, days: int) -> None:
    """Let the last verification of a document's file be so many days ago."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET verified_at = now() - make_interval(days => %s)"
            " WHERE id = %s",
            (days, document),
        )
