"""Documents of an earlier version can be verified after the upgrade."""

from __future__ import annotations

import psycopg
import pytest

from appliance.db import migrate as module
from appliance.db.migrate import migrate, migrations
from appliance.db.pool import conninfo
from tests.postgres import Server

DOCUMENTS = """
    INSERT INTO library.document (collection_id, file_name, digest, size, state, page_count,
                                  error_code, created_at)
    SELECT c.id, d.name, repeat(d.letter, 64), 1, d.state, 1, d.error, now() - d.age
    FROM library.collection c, (VALUES
        ('old.txt', 'a', 'ready', NULL, interval '300 days'),
        ('new.txt', 'b', 'ready', NULL, interval '2 days'),
        ('broken.txt', 'c', 'failed', 'no_text', interval '300 days')
    ) AS d (name, letter, state, error, age);
    INSERT INTO library.page (document_id, number, state)
    SELECT id, 1, 'read' FROM library.document;
    INSERT INTO library.chunk (document_id, collection_id, ordinal, page, start_at, end_at, text,
                               language, words)
    SELECT id, collection_id, n, 1, 0, 1, 'x', 'simple', to_tsvector('simple', 'x')
    FROM library.document, generate_series(1, 3) AS n WHERE state = 'ready'
"""


async def test_the_upgrade_counts_chunks_and_lets_old_files_be_verified_soon(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = conninfo(server.socket, "cloister", database=await server.create_empty())
    known = migrations()
    (at,) = [at for at, each in enumerate(known) if each.name.endswith("verified_documents.sql")]
    with monkeypatch.context() as earlier:
        earlier.setattr(module, "migrations", lambda: known[:at])
        await migrate(address)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(DOCUMENTS)
        await migrate(address)
        cursor = await connection.execute(
            "SELECT file_name, chunk_count, now() - verified_at > interval '22 days',"
            " now() - verified_at > interval '30 days',"
            " library.is_complete(id, chunk_count, page_count)"
            " FROM library.document ORDER BY file_name"
        )
        assert await cursor.fetchall() == [
            ("broken.txt", None, True, False, False),
            ("new.txt", 3, False, False, True),
            ("old.txt", 3, True, False, True),
        ]
