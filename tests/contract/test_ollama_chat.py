from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from appliance.llm.client import ModelRunner
from appliance.llm.errors import ModelCannotChatError, ModelMissingError, PromptTooLongError
from tests.contract.conftest import Server

QUESTION = [{"role": "user", "content": "Tell me a very long story."}]


async def test_a_stream_is_lines_of_json_that_end_with_done(
    http: httpx.AsyncClient, ollama: Server
) -> None:
    body = {"model": ollama.chat_model, "messages": QUESTION, "options": {"num_predict": 4}}
    answer = await http.post("/api/chat", json=body)

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert all(line["message"]["role"] == "assistant" for line in lines)
    last = lines[-1]
    assert last["done_reason"] in {"stop", "length"}
    assert last["prompt_eval_count"] > 0
    assert last["eval_count"] > 0
    assert {"total_duration", "load_duration", "eval_duration"} <= last.keys()


async def test_without_streaming_it_is_one_object(http: httpx.AsyncClient, ollama: Server) -> None:
    options = {"num_predict": 4}
    body = {"model": ollama.chat_model, "messages": QUESTION, "stream": False, "options": options}
    answer = await http.post("/api/chat", json=body)

    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["done"] is True
    assert "content" in answer.json()["message"]


async def test_generate_writes_a_response(http: httpx.AsyncClient, ollama: Server) -> None:
    options = {"num_predict": 2}
    body = {"model": ollama.chat_model, "prompt": "Hello", "stream": False, "options": options}
    answer = await http.post("/api/generate", json=body)

    assert answer.json()["done"] is True
    assert "response" in answer.json()


async def test_no_messages_load_the_model_and_a_keep_alive_of_0_unloads_it(
    http: httpx.AsyncClient, runner: ModelRunner, ollama: Server
) -> None:
    load = {"model": ollama.chat_model, "messages": []}

    loaded = (await http.post("/api/chat", json=load)).json()
    unloaded = (await http.post("/api/chat", json=load | {"keep_alive": 0})).json()

    assert (loaded["done"], loaded["done_reason"]) == (True, "load")
    assert (unloaded["done"], unloaded["done_reason"]) == (True, "unload")
    async with asyncio.timeout(30):
        while ollama.chat_model in {model.name for model in await runner.loaded()}:
            await asyncio.sleep(0.05)


async def test_the_client_reads_the_stream_to_its_end(runner: ModelRunner, ollama: Server) -> None:
    answer = runner.chat(ollama.chat_model, QUESTION, context_tokens=256, limit_tokens=5)
    chunks = [chunk async for chunk in answer]

    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].done_reason in {"stop", "length"}
    assert (chunks[-1].prompt_tokens or 0) > 0
    assert 0 < (chunks[-1].answer_tokens or 0) <= 5


async def test_leaving_a_stream_stops_the_model(runner: ModelRunner, ollama: Server) -> None:
    # Both servers have one place: the second answer begins only after the first has stopped.
    answer = runner.chat(ollama.chat_model, QUESTION, context_tokens=256, limit_tokens=20_000)
    await anext(answer)
    await answer.aclose()

    async with asyncio.timeout(30):
        again = runner.chat(ollama.chat_model, QUESTION, context_tokens=256, limit_tokens=1)
        chunks = [chunk async for chunk in again]

    assert chunks[-1].done


async def test_a_missing_model_is_404(
    http: httpx.AsyncClient, runner: ModelRunner, ollama: Server
) -> None:
    answer = await http.post("/api/chat", json={"model": "nope", "messages": QUESTION})

    assert answer.status_code == 404
    assert "not found" in answer.json()["error"]
    with pytest.raises(ModelMissingError, match="nope"):
        await anext(runner.chat("nope", QUESTION, context_tokens=256, limit_tokens=1))


async def test_an_embedding_model_does_not_chat(
    http: httpx.AsyncClient, runner: ModelRunner, ollama: Server
) -> None:
    answer = await http.post("/api/chat", json={"model": ollama.embed_model, "messages": QUESTION})

    assert answer.status_code == 400
    assert answer.json()["error"].endswith("does not support chat")
    with pytest.raises(ModelCannotChatError):
        await anext(runner.chat(ollama.embed_model, QUESTION, context_tokens=256, limit_tokens=1))


async def test_a_prompt_that_is_too_long_is_refused_and_never_cut(
    runner: ModelRunner, ollama: Server
) -> None:
    long = [{"role": "user", "content": "All work and no play makes Jack dull. " * 200}]

    with pytest.raises(PromptTooLongError):
        await anext(runner.chat(ollama.chat_model, long, context_tokens=256, limit_tokens=1))


async def test_an_option_of_the_wrong_type_is_500(http: httpx.AsyncClient, ollama: Server) -> None:
    body = {"model": ollama.chat_model, "messages": QUESTION, "options": {"num_ctx": "x"}}
    answer = await http.post("/api/chat", json=body)

    assert answer.status_code == 500
    assert answer.json()["error"] == 'option "num_ctx" must be of type integer'


@pytest.mark.parametrize("content", [b"", b"{", b"no json"])
async def test_a_bad_body_is_400(http: httpx.AsyncClient, content: bytes) -> None:
    answer = await http.post("/api/chat", content=content)

    assert answer.status_code == 400
    assert answer.json()["error"]
