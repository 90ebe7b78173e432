"""Rows of vectors, one set for each embedding model."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import class_row

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.ingest.model import EmbeddingModel, Unembedded

_QUERIES = Queries("appliance.ingest")


class VectorStore:
    """Reads and writes `library.embedding_model` and `library.embedding`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def chosen_model(self) -> str | None:
        """Return the embedding model that an operator chose; None if no model was chosen."""
        cursor = await self._connection.execute(_QUERIES["chosen_embedding_model"])
        row = await cursor.fetchone()
        return str(row[0]) if row and row[0] else None

    async def models(self) -> list[EmbeddingModel]:
        """Return every model with a set of vectors."""
        async with self._connection.cursor(row_factory=class_row(EmbeddingModel)) as cursor:
            await cursor.execute(_QUERIES["embedding_models"])
            return await cursor.fetchall()

    async def add_model(self, name: str, digest: str, dimensions: int) -> EmbeddingModel:
        """Begin a new set of vectors, with its index."""
        values = {"name": name, "digest": digest, "dimensions": dimensions}
        async with self._connection.cursor(row_factory=class_row(EmbeddingModel)) as cursor:
            await cursor.execute(_QUERIES["add_embedding_model"], values)
            model = (await cursor.fetchall())[0]
        # While the set is empty this takes no time; later its lock would block others.
        await self._connection.execute(_QUERIES["index_vectors"], {"model_id": model.id})
        return model

    async def unindexed(self) -> list[EmbeddingModel]:
        """Return the models whose vectors are found by comparing all of them."""
        async with self._connection.cursor(row_factory=class_row(EmbeddingModel)) as cursor:
            await cursor.execute(_QUERIES["unindexed_models"])
            return await cursor.fetchall()

    async def drop(self, model: EmbeddingModel) -> None:
        """Delete a set of vectors with its index."""
        await self._connection.execute(_QUERIES["drop_vectors"], {"model_id": model.id})

    async def serve(self, model: EmbeddingModel) -> None:
        """Let retrieval use a set. The caller has dropped the previous one."""
        await self._connection.execute(_QUERIES["serve"], {"model_id": model.id})

    async def unembedded(self, model: EmbeddingModel, after: int, limit: int) -> list[Unembedded]:
        """Return the next chunks that have no vector of a model."""
        values = {"model_id": model.id, "after": after, "limit": limit}
        async with self._connection.cursor(row_factory=class_row(Unembedded)) as cursor:
            await cursor.execute(_QUERIES["unembedded"], values)
            return await cursor.fetchall()

    async def count_unembedded(self, model: EmbeddingModel) -> int:
        """Return how many chunks have no vector of a model."""
        values = {"model_id": model.id}
        cursor = await self._connection.execute(_QUERIES["count_unembedded"], values)
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def add(
        self, model: EmbeddingModel, vectors: Sequence[tuple[int, Sequence[float]]]
    ) -> None:
        """Add vectors of chunks; those of deleted chunks are left out."""
        values = {
            "model_id": model.id,
            "chunk_ids": [chunk for chunk, _ in vectors],
            "vectors": [
                f"[{','.join(format(number, '.6g') for number in vector)}]" for _, vector in vectors
            ],
        }
        await self._connection.execute(_QUERIES["add_embeddings"], values)
