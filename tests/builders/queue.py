"""Documents in the queue, for tests that do not upload any."""

from __future__ import annotations

import hashlib
from uuid import UUID

from appliance.accounts.model import Account
from appliance.db.pool import Database

_ERRORS = {
    "failed": ("encrypted", "The file is protected by a password.", "Remove it and try again."),
    "quarantined": ("parser_died", "The file ended its parser.", "Open it and save it anew."),
}


async def add_document(
    database: Database,
    file_name: str,
    *,
    state: str = "queued",
    owner: Account | None = None,
    uploaded_by: Account | None = None,
    page_count: int | None = None,
) -> UUID:
    """Put a document into the shared library, or into that of `owner` alone."""
    code, message, hint = _ERRORS.get(state, (None, None, None))
    added_by = owner or uploaded_by
    async with database.transaction() as connection:
        collection = await connection.execute(
            "INSERT INTO library.collection (name, owner_id) VALUES ('Test', %(owner)s)"
            " ON CONFLICT (name, owner_id) DO UPDATE SET name = excluded.name RETURNING id",
            {"owner": owner.id if owner else None},
        )
        (collection_id,) = await collection.fetchone() or (None,)
        added = await connection.execute(
            "INSERT INTO library.document (collection_id, uploaded_by, file_name, digest, size,"
            " state, error_code, error_message, error_hint, page_count)"
            " VALUES (%s, %s, %s, %s, 120000, %s, %s, %s, %s, %s) RETURNING id",
            (
                collection_id,
                added_by.id if added_by else None,
                file_name,
                hashlib.sha256(file_name.encode()).hexdigest(),
                state,
                code,
                message,
                hint,
                page_count,
            ),
        )
        row = await added.fetchone()
    assert row is not None
    return UUID(str(row[0]))
