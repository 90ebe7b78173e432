"""Put documents into the library as ingest leaves them, without running ingest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from psycopg import sql

from appliance.accounts.model import Account, Role
from appliance.db.pool import Connection, Database
from appliance.ingest.chunk import Chunk, chunks
from appliance.ingest.language import detect
from appliance.ingest.words import search_text

Embed = Callable[[str], list[float]]


@dataclass(frozen=True, slots=True)
class TestDocument:
    """A document to insert: the text of each page; `language` is detected where it is None."""

    __test__ = False

    file_name: str
    pages: Sequence[str]
    collection: UUID | None = None
    title: str | None = None
    language: str | None = None
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class Library:
    """The library of a test's database, written to as its owner.

    `model` and `embed` are set together: then every chunk gets a vector of that model.
    """

    database: Database
    model: int | None = None
    embed: Embed | None = None

    async def account(self, name: str, role: Role = Role.MEMBER) -> Account:
        """Add a person."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO core.account (name, display_name, role, password_hash)"
                " VALUES (%s, %s, %s, '') RETURNING id",
                (name, name.title(), role),
            )
            row = await cursor.fetchone()
        assert row is not None
        return Account(row[0], name, name.title(), role, datetime.now(UTC), None)

    async def collection(self, name: str, owner: Account | None = None) -> UUID:
        """Add a collection; without `owner` everybody may read it."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO library.collection (name, owner_id) VALUES (%s, %s) RETURNING id",
                (name, owner.id if owner else None),
            )
            row = await cursor.fetchone()
        assert row is not None
        return UUID(str(row[0]))

    async def add(self, *documents: TestDocument) -> None:
        """Insert documents with their pages, chunks, vectors and the counts of their terms."""
        async with self.database.transaction() as connection:
            for document in documents:
                await self._document(connection, document)
                await self._chunks(connection, document)
            await connection.execute("TRUNCATE library.term")
            await connection.execute(
                "INSERT INTO library.term SELECT language, lexeme, count(*) FROM library.chunk,"
                " unnest(tsvector_to_array(words)) AS lexeme GROUP BY language, lexeme"
            )

    async def _document(self, connection: Connection, document: TestDocument) -> None:
        await connection.execute(
            "INSERT INTO library.document (id, collection_id, file_name, digest, size, state,"
            " title, page_count) VALUES (%s, coalesce(%s, (SELECT id FROM library.collection"
            " WHERE name = 'Shared library')), %s, %s, 1, 'ready', %s, %s)",
            (
                document.id,
                document.collection,
                document.file_name,
                hashlib.sha256(document.id.bytes).hexdigest(),
                document.title,
                len(document.pages),
            ),
        )
        for number, text in enumerate(document.pages, 1):
            await connection.execute(
                "INSERT INTO library.page (document_id, number, state, text)"
                " VALUES (%s, %s, 'read', %s)",
                (document.id, number, text),
            )

    async def _chunks(self, connection: Connection, document: TestDocument) -> None:
        language = document.language or detect("\n".join(document.pages))
        made = [
            chunk
            for number, text in enumerate(document.pages, 1)
            for chunk in chunks(number, text, title=document.title)
        ]
        for ordinal, chunk in enumerate(made):
            cursor = await connection.execute(
                "INSERT INTO library.chunk (document_id, collection_id, ordinal, page, start_at,"
                " end_at, heading_path, text, language, words)"
                " SELECT id, collection_id, %s, %s, %s, %s, %s, %s, %s,"
                " to_tsvector(%s::regconfig, %s) FROM library.document WHERE id = %s"
                " RETURNING id",
                (
                    *(ordinal, chunk.page, chunk.start, chunk.end, list(chunk.heading_path)),
                    *(chunk.text, language, language, _searched(document, chunk), document.id),
                ),
            )
            row = await cursor.fetchone()
            assert row is not None
            if self.embed is not None:
                await connection.execute(
                    "INSERT INTO library.embedding VALUES (%s, %s, %s::public.halfvec)",
                    (self.model, row[0], str(self.embed(chunk.text))),
                )


def _searched(document: TestDocument, chunk: Chunk) -> str:
    return search_text("\n".join([document.title or "", *chunk.heading_path, chunk.text]))


async def with_vectors(database: Database, name: str, dimensions: int, embed: Embed) -> Library:
    """Make `name` the serving embedding model, with its index, and return a library using it."""
    async with database.transaction() as connection:
        await connection.execute("UPDATE library.embedding_model SET state = 'building'")
        cursor = await connection.execute(
            "INSERT INTO library.embedding_model (name, digest, dimensions, state)"
            " VALUES (%s, %s, %s, 'serving') RETURNING id",
            (name, name, dimensions),
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute(
            sql.SQL(
                "CREATE INDEX ON library.embedding USING hnsw"
                " ((vector::public.halfvec({})) public.halfvec_cosine_ops) WHERE model_id = {}"
            ).format(sql.Literal(dimensions), sql.Literal(row[0]))
        )
    return Library(database, row[0], embed)
