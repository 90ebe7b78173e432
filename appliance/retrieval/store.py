"""Searches chunks in the database: the only reader of this folder's `queries.sql`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from appliance.db.pool import SEARCH_CONNECTIONS, Database, Tuning
from appliance.db.queries import Queries
from appliance.retrieval.model import EmbeddingModel, FoundChunk, Question, QuestionVector

_QUERIES = Queries("appliance.retrieval")
# Without vectors the statement names a model that does not exist.
_NO_MODEL = EmbeddingModel(id=0, name="", digest="", dimensions=1)
# The scan of the vector index continues until enough rows pass the permission filter. No table is
# read sequentially, whatever the planner estimates. JIT is off, because compiling takes longer than
# running. The plan is generic, made once per connection, because planning takes as long as a search
# and the values do not change the best plan.
_SEARCH = Tuning(
    "search",
    SEARCH_CONNECTIONS,
    {
        "hnsw.iterative_scan": "strict_order",
        "hnsw.ef_search": "100",
        "enable_seqscan": "off",
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    },
)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How chunks are ranked by their words; the defaults are measured.

    `cap`: how many chunks the rarest terms may find together. `ranked`: how many of them get a
    full score. `saturation` (k1) and `length` (b) are those of BM25. `winners`: how many chunks
    remain after fusion.
    """

    cap: int = 4000
    ranked: int = 200
    saturation: float = 0.8
    length: float = 0.75
    winners: int = 24


async def serving_model(database: Database) -> EmbeddingModel | None:
    """Return the embedding model whose vectors are searched."""
    async with database.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(EmbeddingModel))
        await cursor.execute(_QUERIES["serving_model"])
        return await cursor.fetchone()


async def find(
    database: Database,
    ranking: Ranking,
    reader: UUID,
    collection: UUID | None,
    question: Question,
    vector: QuestionVector | None,
) -> list[FoundChunk]:
    """Return the chunks that answer best among those `reader` may see, with their neighbours."""
    model = vector.model if vector else _NO_MODEL
    numbers = asdict(ranking) | {"model": model.id, "dimensions": model.dimensions}
    literals = {name: sql.Literal(number) for name, number in numbers.items()}
    statement = sql.SQL(_QUERIES["hybrid"]).format(**literals)
    parameters = {
        "reader": reader,
        "collection": collection,
        "words": list(question.words),
        "weights": list(question.weights),
        "vector": str(list(vector.values)) if vector else None,
    }
    # One statement, one round trip: its settings are those of the connection.
    async with database.connection(_SEARCH) as connection:
        cursor = connection.cursor(row_factory=class_row(FoundChunk))
        # Prepared at the first use, not the fifth: planning takes as long as the search itself.
        await cursor.execute(statement, parameters, prepare=True)
        return await cursor.fetchall()
