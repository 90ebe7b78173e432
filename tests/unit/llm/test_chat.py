from __future__ import annotations

import asyncio

import pytest

from appliance.core.errors import ApplianceError
from appliance.llm.client import ModelRunner
from appliance.llm.errors import (
    AnswerCutOffError,
    CloudModelRefusedError,
    ModelBusyError,
    ModelCannotChatError,
    ModelFailedError,
    ModelMissingError,
    PromptTooLongError,
)
from appliance.llm.model import ChatChunk
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from tests.fakes.ollama import FakeModel, FakeOllama, Fault

HELLO = [{"role": "user", "content": "Hello"}]


async def ask(
    runner: ModelRunner, model: str = "fake-chat", text: str = "Hello", limit: int = 100
) -> list[ChatChunk]:
    messages = [{"role": "user", "content": text}]
    answer = runner.chat(model, messages, context_tokens=512, limit_tokens=limit)
    return [chunk async for chunk in answer]


async def test_it_yields_the_answer_and_its_counts(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.answer = "The fee is 12 euros [1]"

    chunks = await ask(runner)

    assert "".join(chunk.text for chunk in chunks) == "The fee is 12 euros [1]"
    assert chunks[-1] == ChatChunk("", "", True, "stop", prompt_tokens=5, answer_tokens=6)


async def test_it_always_sends_the_same_options(fake: FakeOllama, runner: ModelRunner) -> None:
    await ask(runner)
    await ask(runner)

    for request in fake.requests_to("/api/chat"):
        assert request.body["options"] == {"num_ctx": 512, "num_predict": 100}
        assert (request.body["shift"], request.body["truncate"]) == (False, False)
        assert request.body["keep_alive"] == "30m"
        assert "think" not in request.body
    assert fake.loads == 1


async def test_it_asks_a_thinking_model_not_to_think(fake: FakeOllama, runner: ModelRunner) -> None:
    chunks = await ask(runner, "fake-think")

    assert fake.requests_to("/api/chat")[0].body["think"] is False
    assert not any(chunk.thinking for chunk in chunks)


async def test_it_asks_once_what_a_model_can_do(fake: FakeOllama, runner: ModelRunner) -> None:
    await runner.models()
    await ask(runner, "fake-think:latest")
    assert fake.requests_to("/api/show") == []

    await ask(runner, "fake-think")
    await ask(runner, "fake-think")
    assert len(fake.requests_to("/api/show")) == 1


async def test_a_limit_ends_the_answer_with_length(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.answer = "one two three four"

    chunks = await ask(runner, limit=2)

    assert "".join(chunk.text for chunk in chunks) == "one two"
    assert chunks[-1].done_reason == "length"


@pytest.mark.parametrize("text", ["a\u2028b", "a\u0085b", "a\x0cb", "ä€𝄞", "line\nline"])
async def test_any_character_comes_through(
    fake: FakeOllama, runner: ModelRunner, text: str
) -> None:
    fake.behaviour.answer = text

    chunks = await ask(runner)

    assert "".join(chunk.text for chunk in chunks) == text


async def test_closing_the_answer_stops_the_model(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.answer = "word " * 1000
    fake.behaviour.token_delay = 0.01
    answer = runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=1000)

    await anext(answer)
    assert fake.active == 1
    await answer.aclose()

    await fake.until(lambda: fake.aborted == 1)
    assert fake.active == 0


@pytest.mark.parametrize("phase", ["load_delay", "first_token_delay", "token_delay"])
async def test_cancelling_the_task_stops_the_model_at_any_moment(
    fake: FakeOllama, runner: ModelRunner, phase: str
) -> None:
    setattr(fake.behaviour, phase, 30)
    fake.behaviour.answer = "one two"

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ask(runner))
        await fake.until(lambda: bool(fake.requests_to("/api/chat")))
        task.cancel()

    await fake.until(lambda: fake.aborted == 1)
    assert fake.active == 0
    assert fake.finished == 0


@pytest.mark.parametrize("model", ["big:cloud", "gpt-oss:120b-cloud", "BIG:Cloud"])
async def test_a_cloud_model_is_refused_before_anything_is_sent(
    fake: FakeOllama, runner: ModelRunner, model: str
) -> None:
    with pytest.raises(CloudModelRefusedError):
        await ask(runner, model)
    with pytest.raises(CloudModelRefusedError):
        await runner.embed(model, ["secret"])

    assert not fake.requests


async def test_a_stub_of_a_cloud_model_is_refused_whatever_its_name(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    stub = FakeModel("stub:latest", ("completion",), remote_host="https://ollama.com")
    fake.models[stub.name] = stub

    with pytest.raises(CloudModelRefusedError):
        await ask(runner, "stub")

    assert not fake.requests_to("/api/chat")


async def test_a_missing_model_is_named(runner: ModelRunner) -> None:
    with pytest.raises(ModelMissingError, match="“nope”"):
        await ask(runner, "nope")


async def test_an_embedding_model_cannot_chat(runner: ModelRunner) -> None:
    with pytest.raises(ModelCannotChatError):
        await ask(runner, "fake-embed")


async def test_a_prompt_that_is_too_long_says_how_long(runner: ModelRunner) -> None:
    with pytest.raises(PromptTooLongError) as caught:
        await ask(runner, text="word " * 1000)

    assert caught.value.facts["context_tokens"] == 512
    assert caught.value.facts["prompt_tokens"] == 1254


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.BUSY, ModelBusyError),
        (Fault.LOAD_FAILS, ModelFailedError),
        (Fault.NESTED_ERROR, ModelFailedError),
        (Fault.CRASH, ModelFailedError),
        (Fault.CUT_OFF, AnswerCutOffError),
        (Fault.DROP, AnswerCutOffError),
    ],
)
async def test_each_fault_has_its_error(
    fake: FakeOllama, runner: ModelRunner, fault: Fault, expected: type[ApplianceError]
) -> None:
    fake.behaviour.fault = fault

    with pytest.raises(expected):
        await ask(runner)


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CUT_OFF, Fault.DROP])
async def test_what_was_written_before_a_fault_is_yielded(
    fake: FakeOllama, runner: ModelRunner, fault: Fault
) -> None:
    fake.behaviour.answer = "one two three four"
    fake.behaviour.token_delay = 0.01
    fake.behaviour.fault = fault
    fake.behaviour.fault_after = 2
    answer = runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=9)

    assert (await anext(answer)).text == "one"
    assert (await anext(answer)).text == " two"
    with pytest.raises((ModelFailedError, AnswerCutOffError)):
        await anext(answer)


async def test_a_crash_is_healed_by_the_next_request(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.CRASH
    fake.behaviour.fault_times = 1
    with pytest.raises(ModelFailedError) as caught:
        await ask(runner)

    assert caught.value.crashed
    assert (await ask(runner))[-1].done


async def test_the_engines_own_words_are_unwrapped(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.NESTED_ERROR

    with pytest.raises(ModelFailedError, match=r"failed: the engine ran out of memory$"):
        await ask(runner)


async def test_an_answer_that_is_no_json_is_a_failure(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    await runner.models()
    fake.behaviour.fault = Fault.NOT_JSON

    with pytest.raises(ModelFailedError, match="not JSON"):
        await ask(runner, "fake-chat:latest")


async def test_a_runner_that_is_gone_is_unavailable(fake: FakeOllama) -> None:
    async with ModelRunner("127.0.0.1:1") as runner:
        with pytest.raises(ModelRunnerUnavailableError):
            await ask(runner)
