"""Put documents into the library with the statements of ingest, without running ingest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.db.pool import Connection, Database
from appliance.db.queries import Queries
from appliance.ingest.extract.page import DocumentEnd, DocumentFacts, ExtractedPage
from appliance.ingest.indexer import Indexer
from appliance.ingest.pipeline import Assembly

_INGEST = Queries("appliance.ingest")
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
                "INSERT INTO core.account (name, display_name, role)"
                " VALUES (%s, %s, %s) RETURNING id",
                (name, name.title(), role),
            )
            row = await cursor.fetchone()
        assert row is not None
        return Account(row[0], name, role, name.title(), datetime.now(UTC), None)

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
        indexer, assembly = Indexer(document.title), Assembly(document.file_name)
        assembly.add(DocumentFacts(document.title))
        for number, text in enumerate(document.pages, 1):
            assembly.add(indexer.index(ExtractedPage(number, text)))
        assembly.add(DocumentEnd(indexer.language))
        indexed = assembly.document()
        made = indexed.chunks
        await connection.execute(
            _INGEST["add_chunks"],
            {
                "id": document.id,
                "collection_id": await _collection_of(connection, document),
                "language": document.language or indexed.language,
                "before": 0,
                "pages": [chunk.page for chunk in made],
                "starts": [chunk.start for chunk in made],
                "ends": [chunk.end for chunk in made],
                "heading_paths": [json.dumps(chunk.heading_path) for chunk in made],
                "texts": [chunk.text for chunk in made],
                "heading_words": [chunk.heading_words for chunk in made],
                "body_words": [chunk.body_words for chunk in made],
            },
        )
        if self.embed is None:
            return
        cursor = await connection.execute(
            "SELECT id, text FROM library.chunk WHERE document_id = %s", (document.id,)
        )
        for chunk_id, text in await cursor.fetchall():
            await connection.execute(
                "INSERT INTO library.embedding VALUES (%s, %s, %s::public.halfvec)",
                (self.model, chunk_id, str(self.embed(text))),
            )


async def _collection_of(connection: Connection, document: TestDocument) -> UUID:
    cursor = await connection.execute(
        "SELECT collection_id FROM library.document WHERE id = %s", (document.id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def with_vectors(database: Database, name: str, dimensions: int, embed: Embed) -> Library:
    """Make `name` the serving embedding model, with its index, and return a library using it.

    Its digest is its name.
    """
    async with database.transaction() as connection:
        await connection.execute("UPDATE library.embedding_model SET state = 'building'")
        cursor = await connection.execute(
            "INSERT INTO library.embedding_model (name, digest, dimensions, state)"
            " VALUES (%s, %s, %s, 'serving') RETURNING id",
            (name, name, dimensions),
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute("SELECT library.index_vectors(%s)", (row[0],))
    return Library(database, row[0], embed)
