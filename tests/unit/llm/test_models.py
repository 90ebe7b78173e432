from __future__ import annotations

import dataclasses

import pytest

from appliance.llm.client import ModelRunner
from appliance.llm.errors import ModelFailedError
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from tests.fakes.ollama import FakeModel, FakeOllama, Fault


async def test_it_lists_what_each_model_can_do(fake: FakeOllama, runner: ModelRunner) -> None:
    models = {model.name: model for model in await runner.models()}

    assert models["fake-chat:latest"].can_chat
    assert not models["fake-chat:latest"].can_embed
    assert models["fake-embed:latest"].can_embed
    assert models["fake-embed:latest"].quantization == "F32"
    assert models["fake-embed:latest"].embedding_length == 256
    assert "thinking" in models["fake-think:latest"].capabilities
    assert fake.requests_to("/api/show") == []


async def test_it_asks_old_runners_about_each_model_once(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    fake.behaviour.lists_capabilities = False

    await runner.models()
    models = {model.name: model for model in await runner.models()}

    assert models["fake-chat:latest"].can_chat
    assert not models["fake-embed:latest"].can_chat
    assert models["fake-embed:latest"].can_embed
    assert models["fake-chat:latest"].context_length == 131_072
    assert models["fake-embed:latest"].embedding_length == 256
    assert len(fake.requests_to("/api/show")) == 3


async def test_it_leaves_out_models_that_run_elsewhere(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    fake.models["big:cloud"] = FakeModel("big:cloud", ("completion",))
    fake.models["big:120b-cloud"] = FakeModel("big:120b-cloud", ("completion",))

    fake.models["stub"] = FakeModel("stub", ("completion",), remote_host="https://ollama.com")

    names = {model.name for model in await runner.models()}

    assert names == {"fake-chat:latest", "fake-embed:latest", "fake-think:latest"}


async def test_it_lists_models_in_memory(fake: FakeOllama, runner: ModelRunner) -> None:
    assert await runner.loaded() == []

    await runner.embed("fake-embed", ["Cats"])

    (loaded,) = await runner.loaded()
    assert loaded.name == "fake-embed:latest"
    assert loaded.digest == fake.models["fake-embed:latest"].digest
    assert loaded.gpu_size == 0


async def test_it_says_when_nothing_listens() -> None:
    async with ModelRunner("http://127.0.0.1:1") as runner:
        with pytest.raises(ModelRunnerUnavailableError):
            await runner.version()
        with pytest.raises(ModelRunnerUnavailableError):
            await runner.models()


async def test_it_says_when_something_else_listens(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.fault = Fault.NOT_JSON

    with pytest.raises(ModelRunnerUnavailableError):
        await runner.version()


async def test_it_finds_a_version(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.version = "0.0.0"

    assert await runner.version() == "0.0.0"


async def test_a_damaged_model_does_not_hide_the_others(
    fake: FakeOllama, runner: ModelRunner
) -> None:
    fake.behaviour.lists_capabilities = False
    broken = dataclasses.replace(fake.models["fake-chat:latest"], name="broken:latest")
    # Listed under a name that a lookup does not find, as after a blob was lost.
    fake.models["elsewhere"] = broken

    models = {model.name: model for model in await runner.models()}

    assert models["broken:latest"].capabilities == frozenset()
    assert models["fake-chat:latest"].can_chat


async def test_words_for_people_name_the_model_and_the_reason() -> None:
    error = ModelFailedError(model="m", reason="no memory")

    assert error.message == "The model “m” failed: no memory"
    assert error.as_json()["code"] == "model_failed"
