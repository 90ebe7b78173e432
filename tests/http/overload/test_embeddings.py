"""Vectors for programs come in small batches, in turn, and behind the questions of people."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.test_utils import TestServer

from appliance.db.pool import Database
from appliance.llm.bulk import MOST_TEXTS
from appliance.shares.model import Work
from tests.builders.retrieval import TestDocument, with_vectors
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_words import embed
from tests.http.overload.conftest import Program, Programs
from webchat import keys

MODEL = "fake-embed:latest"


@pytest.fixture
async def alice(program: Programs) -> Program:
    return await program("alice")


@pytest.fixture
async def with_meaning(database: Database, runner: FakeOllama) -> None:
    """A document that is found by its vector, made with the model that the runner has."""
    model = runner.models[MODEL]
    library = await with_vectors(
        database, MODEL, model.dimensions, lambda text: embed(text, model.dimensions)
    )
    async with database.connection() as connection:
        await connection.execute("UPDATE library.embedding_model SET digest = %s", (model.digest,))
    await library.add(TestDocument("tower.txt", ["The tower of Bonn is forty metres high."]))


async def test_batches_are_small_and_come_one_at_a_time(alice: Program, runner: FakeOllama) -> None:
    runner.behaviour.embed_delay = 0.01
    answers = await asyncio.gather(*(alice.embed(*["word " * 50] * 40) for _ in range(4)))
    assert [len(answer.json["data"]) for answer in answers] == [40] * 4
    assert runner.most_active == 1
    sizes = [len(request.body["input"]) for request in runner.requests_to("/api/embed")]
    assert max(sizes) <= MOST_TEXTS


async def test_each_text_gets_its_own_vector(alice: Program) -> None:
    texts = [f"text number {number}" for number in range(MOST_TEXTS * 2 + 1)]
    together = (await alice.embed(*texts)).json["data"]
    for number in (0, MOST_TEXTS, len(texts) - 1):
        [alone] = (await alice.embed(texts[number])).json["data"]
        assert together[number]["embedding"] == alone["embedding"]
        assert together[number]["index"] == number


async def test_what_one_account_sends_too_much_is_refused_with_a_time(
    alice: Program, site: TestServer, runner: FakeOllama
) -> None:
    runner.behaviour.embed_delay = 0.05
    answers = await asyncio.gather(*(alice.embed(*["word"] * 40) for _ in range(20)))
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {429}
    assert {answer.error["code"] for answer in refused} == {"too_many_embeddings"}
    assert all(int(answer.retry_after or 0) > 0 for answer in refused)
    # One has the turn and eight wait; a request that has begun is never refused.
    assert len(answers) - len(refused) == 9
    assert site.app[keys.SHARES][Work.EMBEDDING].running == 0


async def test_a_short_request_does_not_wait_for_a_long_one(
    alice: Program, program: Programs, runner: FakeOllama
) -> None:
    bob = await program("bob")
    runner.behaviour.embed_delay = 0.02
    long = asyncio.create_task(alice.embed(*["word"] * (MOST_TEXTS * 12)))
    await runner.until(lambda: runner.active == 1)
    assert (await bob.embed("word")).status == 200
    assert not long.done()
    assert (await long).status == 200


async def test_people_keep_their_search_by_meaning(
    alice: Program,
    program: Programs,
    runner: FakeOllama,
    with_meaning: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bob = await program("bob")
    # A small machine: one batch at a time, and each takes its time.
    runner.behaviour.parallel = 1
    runner.behaviour.embed_delay = 0.3
    flood = [asyncio.create_task(alice.embed(*["word " * 100] * 200)) for _ in range(40)]
    await runner.until(lambda: runner.active == 1)
    for _ in range(3):
        found = (await bob.search("How high is the tower of Bonn?")).json["passages"]
        assert found[0]["file"] == "tower.txt"
    queries = [
        request.body["input"]
        for request in runner.requests_to("/api/embed")
        if len(request.body["input"]) == 1
    ]
    assert len(queries) >= 3
    assert "searching by words only" not in caplog.text
    runner.behaviour.embed_delay = 0
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
