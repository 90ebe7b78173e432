"""A restore leaves the index of vectors out; it is built afterwards, beside all other work."""

from __future__ import annotations

from appliance.db.pool import Database
from appliance.ingest.embed import Embedder
from appliance.ingest.model import EmbeddingModel
from appliance.ingest.vector_index import build_missing
from appliance.ingest.vectors import VectorStore
from appliance.jobs.kinds import VECTOR_INDEX
from appliance.jobs.record import JobRecord
from appliance.jobs.service import JobService
from appliance.jobs.store import JobStore
from appliance.llm.client import ModelRunner
from tests.fakes.clock import FakeClock
from tests.fakes.ollama import running_fake


async def _always() -> bool:
    return True


async def _unindexed(database: Database) -> list[EmbeddingModel]:
    async with database.connection() as connection:
        return await VectorStore(connection).unindexed()


async def _begun(database: Database, clock: FakeClock) -> JobRecord:
    """Return the record of the queued job, as the supervisor begins it."""
    now = clock.now()
    async with database.transaction() as connection:
        job = await JobStore(connection).claim(
            VECTOR_INDEX.name, now=now, deadline=now + VECTOR_INDEX.deadline
        )
    assert job is not None
    return JobRecord(job, database, clock)


async def _restored(database: Database) -> None:
    """Leave a set of vectors without its index, as a restore does."""
    async with database.transaction() as connection:
        model = await VectorStore(connection).add_model("fake-embed", "digest", 64)
        await VectorStore(connection).serve(model)
        await connection.execute("DROP INDEX library.embedding_vectors_1")


async def test_the_missing_index_is_queued_once_and_built(
    database: Database, ingest_database: Database
) -> None:
    clock = FakeClock()
    jobs = JobService(ingest_database, clock)
    await _restored(database)
    async with running_fake() as fake, ModelRunner(fake.address) as runner:
        embedder = Embedder(ingest_database, runner, jobs, clock, has_room=_always)
        await embedder.queue_index()
        await embedder.queue_index()
    (_,) = await jobs.jobs(kind=VECTOR_INDEX.name)
    record = await _begun(database, clock)

    sentence = await build_missing(record)

    assert "fake-embed" in sentence
    assert await _unindexed(database) == []
    assert await build_missing(record) == "All passages are indexed."


async def test_an_index_whose_build_was_interrupted_is_built_again(database: Database) -> None:
    await _restored(database)
    async with database.connection() as connection:
        # What an interrupted build leaves.
        await connection.execute(
            "CREATE INDEX embedding_vectors_1 ON library.embedding (chunk_id) WHERE model_id = 1"
        )
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'library.embedding_vectors_1'::regclass"
        )
    assert [model.id for model in await _unindexed(database)] == [1]
    clock = FakeClock()
    await JobService(database, clock).enqueue(VECTOR_INDEX.name, requested_by="test")
    await build_missing(await _begun(database, clock))
    assert await _unindexed(database) == []
