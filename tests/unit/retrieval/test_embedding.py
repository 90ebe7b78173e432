"""A model runner that is down, slow or wrong costs a question little, and the next ones nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence

import pytest

from appliance.llm.model import Embeddings, InstalledModel
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from appliance.retrieval.embedding import DIGEST_SECONDS, QuestionEmbedder
from appliance.retrieval.model import EmbeddingModel
from tests.builders.models import installed
from tests.fakes.clock import FakeClock

MODEL = EmbeddingModel(id=1, name="fake", digest="weights", dimensions=2)


class Runner:
    """Answers when `answers` is set; fails with `error` if there is one."""

    def __init__(self) -> None:
        self.calls = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.vector = [1.0, 0.0]
        self.digest = "weights"
        self.looks = 0

    async def models(self) -> list[InstalledModel]:
        self.looks += 1
        return [installed("fake", "embedding", digest=self.digest)]

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        self.calls += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return Embeddings([self.vector for _ in texts])


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def embedder(runner: Runner, clock: FakeClock) -> AsyncIterator[QuestionEmbedder]:
    embedder = QuestionEmbedder(runner, clock, deadline=0.02, pause=30.0)
    yield embedder
    await embedder.aclose()


async def test_it_returns_the_vector_with_its_model(embedder: QuestionEmbedder) -> None:
    vector = await embedder.embed(MODEL, "question")
    assert vector is not None
    assert (vector.model, vector.values) == (MODEL, (1.0, 0.0))


async def test_without_a_runner_there_is_no_vector(clock: FakeClock) -> None:
    assert await QuestionEmbedder(None, clock).embed(MODEL, "question") is None


async def test_an_empty_text_is_not_sent(embedder: QuestionEmbedder, runner: Runner) -> None:
    assert await embedder.embed(MODEL, "  ") is None
    assert runner.calls == 0


@pytest.mark.parametrize("error", [ModelRunnerUnavailableError(), OSError("gone"), ValueError()])
async def test_after_a_failure_it_asks_again_only_after_the_pause(
    embedder: QuestionEmbedder, runner: Runner, clock: FakeClock, error: Exception
) -> None:
    runner.error = error
    assert await embedder.embed(MODEL, "question") is None
    runner.error = None
    assert await embedder.embed(MODEL, "question") is None
    assert runner.calls == 1
    clock.advance(31)
    assert await embedder.embed(MODEL, "question") is not None


async def test_while_an_answer_is_late_no_other_request_waits(
    embedder: QuestionEmbedder, runner: Runner
) -> None:
    runner.answers.clear()
    assert await embedder.embed(MODEL, "first") is None
    second = embedder.embed(MODEL, "second")
    # It ends in its first step, so there is nothing that it waits for.
    with pytest.raises(StopIteration) as ended:
        second.send(None)
    assert ended.value.value is None
    assert runner.calls == 1


async def test_when_the_late_answer_comes_it_asks_again(
    embedder: QuestionEmbedder, runner: Runner
) -> None:
    runner.answers.clear()
    await embedder.embed(MODEL, "first")
    runner.answers.set()
    async with asyncio.timeout(30):
        while await embedder.embed(MODEL, "second") is None:
            await asyncio.sleep(0.001)


async def test_a_person_who_leaves_takes_the_request_along(
    embedder: QuestionEmbedder, runner: Runner
) -> None:
    runner.answers.clear()
    task = asyncio.ensure_future(QuestionEmbedder(runner, FakeClock()).embed(MODEL, "question"))
    while not runner.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    runner.answers.set()
    assert await embedder.embed(MODEL, "question") is not None


@pytest.mark.parametrize("vector", [[1.0, 0.0, 0.0], [1.0, math.nan], [math.inf, 1.0], [1e9, 1.0]])
async def test_a_vector_that_cannot_be_compared_is_not_used(
    embedder: QuestionEmbedder, runner: Runner, vector: list[float]
) -> None:
    runner.vector = vector
    assert await embedder.embed(MODEL, "question") is None


async def test_other_weights_under_the_same_name_are_not_asked(
    embedder: QuestionEmbedder, runner: Runner, clock: FakeClock
) -> None:
    runner.digest = "other weights"
    assert await embedder.embed(MODEL, "question") is None
    assert runner.calls == 0
    runner.digest = "weights"
    clock.advance(DIGEST_SECONDS)
    assert await embedder.embed(MODEL, "question") is not None


async def test_the_list_of_models_is_not_read_for_each_question(
    embedder: QuestionEmbedder, runner: Runner
) -> None:
    for _ in range(5):
        await embedder.embed(MODEL, "question")
    assert runner.looks == 1


async def test_closing_gives_up_what_is_late(embedder: QuestionEmbedder, runner: Runner) -> None:
    runner.answers.clear()
    await embedder.embed(MODEL, "question")
    await embedder.aclose()
