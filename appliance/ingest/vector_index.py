"""Build the indexes of vectors that a restore has left out, while the appliance works.

The role of this process may not do that beside its own writing: only the owner of a table builds an
index without locking writers out. So the supervisor does the work, as a job.
"""

from __future__ import annotations

from psycopg import sql

from appliance.db.index_memory import allow_index_memory
from appliance.db.pool import Connection
from appliance.ingest.model import EmbeddingModel
from appliance.ingest.vectors import VectorStore
from appliance.jobs.record import JobRecord


async def build_missing(record: JobRecord) -> str:
    """Build each missing index, and return what was done.

    The database of the record has the role that owns the tables.

    Interrupted, an index remains that does not count; the next build replaces it.
    """
    # A connection of its own: it is closed afterwards, with its settings.
    async with record.database.held_connection() as connection:
        models = await VectorStore(connection).unindexed()
        await connection.execute("SELECT set_config('statement_timeout', '0', false)")
        await connection.execute("SELECT set_config('lock_timeout', '0', false)")
        await allow_index_memory(connection)
        for number, model in enumerate(models):
            sentence = f"Indexing the passages for {model.name}."
            await record.progress(sentence, number, len(models), log=True)
            await _build(connection, model)
    names = ", ".join(model.name for model in models)
    return f"The passages are indexed for {names}." if names else "All passages are indexed."


async def _build(connection: Connection, model: EmbeddingModel) -> None:
    name = sql.Identifier(f"embedding_vectors_{model.id}")
    await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS library.{}").format(name))
    await connection.execute(
        sql.SQL(
            "CREATE INDEX CONCURRENTLY {} ON library.embedding USING hnsw"
            " ((vector::public.halfvec({})) public.halfvec_cosine_ops) WHERE model_id = {}"
        ).format(name, sql.Literal(model.dimensions), sql.Literal(model.id))
    )
