from __future__ import annotations

import pytest

from appliance.llm.client import ModelRunner
from appliance.llm.errors import (
    ModelBusyError,
    ModelCannotEmbedError,
    ModelFailedError,
    PromptTooLongError,
)
from tests.fakes.ollama import FakeOllama, Fault


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_that_share_words_are_close(runner: ModelRunner) -> None:
    texts = ["How high is the fee?", "The fee is twelve euros.", "Cats eat fish."]

    question, near, far = (await runner.embed("fake-embed", texts)).vectors

    assert cosine(question, near) > cosine(question, far) + 0.1


async def test_no_texts_need_no_request(fake: FakeOllama, runner: ModelRunner) -> None:
    embeddings = await runner.embed("fake-embed", [])

    assert (embeddings.vectors, embeddings.dimensions) == ([], 0)
    assert not fake.requests


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_text_is_the_callers_mistake(
    fake: FakeOllama, runner: ModelRunner, text: str
) -> None:
    with pytest.raises(ValueError, match="empty text"):
        await runner.embed("fake-embed", ["Cats", text])

    assert not fake.requests


async def test_a_crash_is_tried_once_more(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.CRASH
    fake.behaviour.fault_times = 1

    embeddings = await runner.embed("fake-embed", ["Cats"])

    assert embeddings.dimensions == 256
    assert len(fake.requests_to("/api/embed")) == 2


async def test_a_crash_each_time_is_a_failure(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.CRASH

    with pytest.raises(ModelFailedError, match="EOF"):
        await runner.embed("fake-embed", ["Cats"])

    assert len(fake.requests_to("/api/embed")) == 2


async def test_other_errors_are_not_tried_again(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.BUSY

    with pytest.raises(ModelBusyError):
        await runner.embed("fake-embed", ["Cats"])

    assert len(fake.requests_to("/api/embed")) == 1


async def test_a_vector_too_few_is_a_failure(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.FEWER_VECTORS

    with pytest.raises(ModelFailedError, match="1 usable vectors for 2 texts"):
        await runner.embed("fake-embed", ["Cats", "Dogs"])


async def test_a_chat_model_cannot_embed(runner: ModelRunner) -> None:
    with pytest.raises(ModelCannotEmbedError):
        await runner.embed("fake-chat", ["Cats"])


async def test_a_long_text_is_cut_or_refused_as_the_caller_says(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    limit = fake.models["fake-embed:latest"].context_length
    long = "word " * limit

    assert (await runner.embed("fake-embed", [long])).prompt_tokens == limit
    with pytest.raises(PromptTooLongError):
        await runner.embed("fake-embed", [long], truncate=False)
