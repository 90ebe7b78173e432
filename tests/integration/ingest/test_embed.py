"""Vectors follow the text: made in batches, changed in the background, never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.ingest.embed import RETRY_AFTER, Embedder
from appliance.ingest.errors import NoRoomError
from appliance.ingest.model import EmbeddingModel
from appliance.ingest.vectors import VectorStore
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import EMBED, Process
from appliance.jobs.model import JobState
from appliance.jobs.service import JobService
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from tests.builders.documents import LOREM
from tests.builders.library import Shelf, running, until, worker
from tests.fakes.clock import FakeClock
from tests.fakes.ollama import FakeOllama, running_fake
from tests.fakes.ollama_behaviour import Behaviour, FakeModel, Fault


class SecretiveRunner(ModelRunner):
    """A runner that does not tell beforehand how long the vectors of a model are."""

    @override
    async def models(self) -> list[InstalledModel]:
        return [replace(model, embedding_length=None) for model in await super().models()]


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with running_fake() as fake:
        yield fake


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def embedder(
    fake: FakeOllama, ingest_database: Database, clock: FakeClock
) -> AsyncIterator[Embedder]:
    async with ModelRunner(fake.address) as runner:
        jobs = JobService(ingest_database, clock)
        yield Embedder(ingest_database, runner, jobs, clock, has_room=_always)


async def _always() -> bool:
    return True


def _engine(embedder: Embedder, database: Database) -> JobEngine:
    works = {EMBED.name: embedder.build}
    return JobEngine(database, embedder._clock, Process.INGEST, [EMBED], works)


async def _catch_up(embedder: Embedder) -> None:
    """Let the embedder find what is missing, and see a job that it queues to its end."""
    await embedder.catch_up()
    jobs = embedder._jobs
    async with _engine(embedder, embedder._database):
        await until(lambda: _idle(jobs))


async def _idle(jobs: JobService) -> bool:
    return not any(job.state.is_active for job in await jobs.jobs())


async def _read(library: Shelf, ingest_database: Database, actor: Account, count: int) -> None:
    """Bring a document of about `count` chunks into the library."""
    text = "\n\n".join(f"Section {number}. {LOREM * 5}" for number in range(count))
    uploaded = await library.upload(actor, "long.txt", text)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(actor, uploaded.document.id)


async def _vectors(database: Database) -> dict[str, tuple[str, int]]:
    """Return for each model its state and how many vectors it has."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT m.name, m.state, count(e.chunk_id) FROM library.embedding_model m"
            " LEFT JOIN library.embedding e ON e.model_id = m.id GROUP BY m.id"
        )
        return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def _chunks(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM library.chunk")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _choose(database: Database, name: str) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.setting VALUES ('embedding_model', to_jsonb(%s::text))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name,),
        )


async def _indexes(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'embedding_vectors_%'"
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_every_chunk_gets_a_vector_in_batches(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
    fake: FakeOllama,
) -> None:
    await _read(library, ingest_database, alice, 40)
    await _catch_up(embedder)
    chunks = await _chunks(database)
    assert chunks > 32
    assert await _vectors(database) == {"fake-embed:latest": ("serving", chunks)}
    sizes = [len(request.body["input"]) for request in fake.requests_to("/api/embed")]
    assert max(sizes) == 32
    [listed] = await JobService(database, FakeClock()).jobs()
    job = await JobService(database, FakeClock()).job(listed.id)
    assert (job.kind, job.state) == ("embed", JobState.DONE)
    assert (job.subject, job.requested_by) == ("fake-embed:latest", "Cloister")
    assert (job.done, job.total) == (chunks, chunks)
    assert f"Embedding {chunks} passages with fake-embed:latest." in job.log
    assert job.result == f"{chunks} passages were embedded with fake-embed:latest."


async def test_new_chunks_get_their_vectors_without_a_job(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
) -> None:
    await _catch_up(embedder)
    await _read(library, ingest_database, alice, 2)
    await _catch_up(embedder)
    assert await _vectors(database) == {"fake-embed:latest": ("serving", await _chunks(database))}
    assert len(await JobService(database, FakeClock()).jobs()) == 1


async def test_without_an_embedding_model_nothing_happens(
    embedder: Embedder, fake: FakeOllama, database: Database
) -> None:
    del fake.models["fake-embed:latest"]
    await _catch_up(embedder)
    assert await _vectors(database) == {}


async def test_another_choice_builds_a_new_set_and_drops_the_old_one(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
    fake: FakeOllama,
) -> None:
    await _read(library, ingest_database, alice, 4)
    await _catch_up(embedder)
    fake.models["better:latest"] = FakeModel("better:latest", ("embedding",), dimensions=64)
    await _catch_up(embedder)
    assert list(await _vectors(database)) == ["fake-embed:latest"]
    await _choose(database, "better")
    await _catch_up(embedder)
    assert await _vectors(database) == {"better:latest": ("serving", await _chunks(database))}
    assert await _indexes(database) == 1


async def test_the_old_set_serves_until_the_new_one_is_complete(
    *,
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
    fake: FakeOllama,
    clock: FakeClock,
) -> None:
    await _read(library, ingest_database, alice, 40)
    await _catch_up(embedder)
    chunks = await _chunks(database)
    fake.models["better:latest"] = FakeModel("better:latest", ("embedding",), dimensions=64)
    await _choose(database, "better:latest")
    fake.behaviour.embed_delay = 0.3
    clock.advance(1)
    await embedder.catch_up()

    async def half() -> bool:
        return (await _vectors(database)).get("better:latest", ("", 0))[1] > 0

    async with _engine(embedder, ingest_database):
        await until(half)
        now = await _vectors(database)
        assert now["fake-embed:latest"] == ("serving", chunks)
        assert now["better:latest"][0] == "building"
    # The process ended in the middle: the same job goes on in the next one.
    [job, _] = await embedder._jobs.jobs()
    assert job.state is JobState.QUEUED
    made = len(fake.requests_to("/api/embed"))
    fake.behaviour.embed_delay = 0
    await _catch_up(embedder)
    assert (await embedder._jobs.job(job.id)).state is JobState.DONE
    assert await _vectors(database) == {"better:latest": ("serving", chunks)}
    again = [request.body["input"] for request in fake.requests_to("/api/embed")[made:]]
    assert sum(map(len, again)) < chunks


async def test_a_chosen_model_that_is_not_installed_changes_nothing(
    database: Database, embedder: Embedder
) -> None:
    await _catch_up(embedder)
    await _choose(database, "elsewhere")
    await _catch_up(embedder)
    assert list(await _vectors(database)) == ["fake-embed:latest"]


async def test_a_failing_model_ends_the_job_with_the_reason_and_is_tried_again_later(
    *,
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
    fake: FakeOllama,
    clock: FakeClock,
) -> None:
    await _read(library, ingest_database, alice, 2)
    fake.behaviour.fault = Fault.LOAD_FAILS
    await _catch_up(embedder)
    [job] = await embedder._jobs.jobs()
    assert job.state is JobState.FAILED
    assert "fake-embed" in (job.result or "")
    fake.behaviour.fault = None
    await _catch_up(embedder)
    assert len(await embedder._jobs.jobs()) == 1
    clock.advance(RETRY_AFTER.total_seconds() + 1)
    await _catch_up(embedder)
    assert (await _vectors(database))["fake-embed:latest"][0] == "serving"


async def test_a_cancelled_build_is_begun_again_only_by_an_operator(
    *,
    library: Shelf,
    alice: Account,
    olga: Account,
    ingest_database: Database,
    database: Database,
    embedder: Embedder,
    clock: FakeClock,
) -> None:
    await _read(library, ingest_database, alice, 2)
    await embedder.catch_up()
    jobs = JobService(database, clock)
    [job] = await jobs.jobs()
    await jobs.cancel(olga, job.id)
    await _catch_up(embedder)
    assert await _vectors(database) == {}
    await jobs.start(olga, "embed")
    await _catch_up(embedder)
    assert (await _vectors(database))["fake-embed:latest"][0] == "serving"


async def test_vectors_that_cannot_be_indexed_end_the_job_and_other_models_get_their_turn(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    fake: FakeOllama,
) -> None:
    await _read(library, ingest_database, alice, 2)
    fake.models["a-large:8b"] = FakeModel("a-large:8b", ("embedding",), dimensions=4096)
    clock = FakeClock()
    async with SecretiveRunner(fake.address) as runner:
        jobs = JobService(ingest_database, clock)
        embedder = Embedder(ingest_database, runner, jobs, clock, has_room=_always)
        await _catch_up(embedder)
        [job] = await jobs.jobs()
        assert job.state is JobState.FAILED
        assert "a-large:8b” are too long: 4096 numbers each, 4000 at most" in (job.result or "")
        await _catch_up(embedder)
    assert list(await _vectors(database)) == ["fake-embed:latest"]


async def test_a_defect_ends_the_job_and_the_embedder_goes_on(
    *,
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    embedder: Embedder,
    clock: FakeClock,
) -> None:
    await _read(library, ingest_database, alice, 1)
    swap = VectorStore.serve

    async def broken(store: VectorStore, model: EmbeddingModel) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(VectorStore, "serve", broken)
    await _catch_up(embedder)
    [job] = await embedder._jobs.jobs()
    assert job.state is JobState.FAILED
    assert "Something went wrong inside Cloister." in (job.result or "")
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.setattr(VectorStore, "serve", swap)
    clock.advance(RETRY_AFTER.total_seconds() + 1)
    await _catch_up(embedder)
    assert ("serving", 1) in (await _vectors(ingest_database)).values()


async def test_vectors_leave_room_for_the_database(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    fake: FakeOllama,
) -> None:
    await _read(library, ingest_database, alice, 2)
    clock, room = FakeClock(), False

    async def has_room() -> bool:
        return room

    async with ModelRunner(fake.address) as runner:
        jobs = JobService(ingest_database, clock)
        embedder = Embedder(ingest_database, runner, jobs, clock, has_room=has_room)
        with pytest.raises(NoRoomError):
            await _catch_up(embedder)
        assert await jobs.jobs() == []
        room = True
        await _catch_up(embedder)
        await _read(library, ingest_database, alice, 3)
        room = False
        with pytest.raises(NoRoomError):
            await _catch_up(embedder)
    assert (await _vectors(database))["fake-embed:latest"][1] < await _chunks(database)


async def test_a_runner_that_is_down_is_named_once_and_tried_again(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_fake(Behaviour()) as gone:
        address = gone.address
    await _read(library, ingest_database, alice, 1)
    clock = FakeClock()
    async with ModelRunner(address) as runner:
        jobs = JobService(ingest_database, clock)
        embedder = Embedder(ingest_database, runner, jobs, clock, has_room=_always)
        with pytest.raises(ModelRunnerUnavailableError):
            await embedder.catch_up()
        task = asyncio.ensure_future(embedder.run())
        await until(lambda: _later(clock, 60))
        async with (
            running_fake(host=address),
            _engine(embedder, ingest_database),
        ):

            async def embedded() -> bool:
                return ("serving", 1) in (await _vectors(database)).values()

            await until(embedded)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert caplog.text.count("embedding paused") == 1


async def _later(clock: FakeClock, seconds: float) -> bool:
    return clock.monotonic() > 1000 + seconds
