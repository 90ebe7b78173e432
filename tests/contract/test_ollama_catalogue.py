from __future__ import annotations

import json
import re

import httpx
import pytest

from appliance.llm.client import ModelRunner
from tests.contract.conftest import Server


async def test_the_root_says_that_it_runs(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")

    assert answer.status_code == 200
    assert answer.text == "Ollama is running"


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
async def test_lookups_answer_a_head_request(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.head(path)

    assert answer.status_code == 200
    assert answer.content == b""


async def test_it_reports_its_version(http: httpx.AsyncClient, runner: ModelRunner) -> None:
    answer = await http.get("/api/version")

    assert re.match(r"\d+\.\d+\.\d+", answer.json()["version"])
    assert await runner.version() == answer.json()["version"]


async def test_an_unknown_path_is_404_in_plain_text(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/nothing")

    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_wrong_method_is_405_in_plain_text(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/chat")

    assert (answer.status_code, answer.text) == (405, "405 method not allowed")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_the_list_describes_each_model(http: httpx.AsyncClient, ollama: Server) -> None:
    answer = await http.get("/api/tags")

    models = {entry["name"]: entry for entry in answer.json()["models"]}
    entry = models[ollama.chat_model]
    assert entry["model"] == ollama.chat_model
    assert re.fullmatch(r"[0-9a-f]{64}", entry["digest"])
    assert entry["size"] > 0
    assert {"format", "family", "parameter_size", "quantization_level"} <= entry["details"].keys()
    assert ollama.embed_model in models


async def test_the_client_tells_what_each_model_can_do(runner: ModelRunner, ollama: Server) -> None:
    models = {model.name: model for model in await runner.models()}

    chat, embed = models[ollama.chat_model], models[ollama.embed_model]
    assert (chat.can_chat, chat.can_embed) == (True, False)
    assert (embed.can_chat, embed.can_embed) == (False, True)
    assert chat.context_length is not None
    assert chat.context_length > 0
    assert chat.digest != embed.digest


async def test_show_tells_capabilities_and_facts(http: httpx.AsyncClient, ollama: Server) -> None:
    answer = await http.post("/api/show", json={"model": ollama.chat_model})

    shown = answer.json()
    assert "completion" in shown["capabilities"]
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] > 0
    assert shown["details"]["family"]


async def test_show_of_a_missing_model_is_404(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/show", json={"model": "nope"})

    assert answer.status_code == 404
    assert "not found" in answer.json()["error"]


async def test_deleting_a_missing_model_is_404(http: httpx.AsyncClient) -> None:
    answer = await http.request("DELETE", "/api/delete", json={"model": "nope"})

    assert answer.status_code == 404
    assert "not found" in answer.json()["error"]


async def test_a_failed_pull_is_200_and_an_error_as_the_last_line(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/pull", json={"model": "127.0.0.1:1/library/missing"})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 200
    assert lines[0] == {"status": "pulling manifest"}
    assert list(lines[-1]) == ["error"]


async def test_a_failed_pull_without_streaming_has_an_error_status(
    http: httpx.AsyncClient,
) -> None:
    body = {"model": "127.0.0.1:1/library/missing", "stream": False}
    answer = await http.post("/api/pull", json=body)

    assert answer.status_code in {400, 500}
    assert answer.json()["error"]


async def test_a_loaded_model_is_listed_with_its_context(
    http: httpx.AsyncClient, runner: ModelRunner, ollama: Server
) -> None:
    load = {"model": ollama.chat_model, "messages": [], "options": {"num_ctx": 256}}
    await http.post("/api/chat", json=load)

    loaded = {model.name: model for model in await runner.loaded()}

    assert loaded[ollama.chat_model].context_length == 256
    assert loaded[ollama.chat_model].size > 0
