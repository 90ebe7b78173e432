from __future__ import annotations

import math
from typing import Any

import httpx
import pytest

from appliance.llm.client import ModelRunner
from appliance.llm.errors import ModelCannotEmbedError, ModelMissingError
from tests.contract.conftest import Server

TEXTS = ["The fee is twelve euros.", "Cats eat fish.", "How much is the fee?"]


def cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


async def test_each_vector_has_length_1(runner: ModelRunner, ollama: Server) -> None:
    embeddings = await runner.embed(ollama.embed_model, TEXTS)

    assert len(embeddings.vectors) == 3
    assert {len(vector) for vector in embeddings.vectors} == {embeddings.dimensions}
    for vector in embeddings.vectors:
        assert math.isclose(cosine(vector, vector), 1.0, abs_tol=1e-3)


async def test_vectors_come_in_the_order_of_the_texts(runner: ModelRunner, ollama: Server) -> None:
    together = await runner.embed(ollama.embed_model, TEXTS)

    for text, vector in zip(TEXTS, together.vectors, strict=True):
        alone = await runner.embed(ollama.embed_model, [text])
        assert math.isclose(cosine(vector, alone.vectors[0]), 1.0, abs_tol=1e-2)


async def test_a_string_is_embedded_as_a_list_of_one(
    http: httpx.AsyncClient, ollama: Server
) -> None:
    answer = await http.post("/api/embed", json={"model": ollama.embed_model, "input": "Cats"})

    assert len(answer.json()["embeddings"]) == 1
    assert answer.json()["model"] == ollama.embed_model
    assert answer.json()["prompt_eval_count"] > 0


@pytest.mark.parametrize("nothing", ["", []])
async def test_nothing_is_answered_with_nothing(
    http: httpx.AsyncClient, ollama: Server, nothing: str | list[str]
) -> None:
    answer = await http.post("/api/embed", json={"model": ollama.embed_model, "input": nothing})

    assert answer.status_code == 200
    assert answer.json()["embeddings"] == []


async def test_an_empty_text_beside_others_gets_a_vector(
    http: httpx.AsyncClient, ollama: Server
) -> None:
    body = {"model": ollama.embed_model, "input": ["Cats", ""]}
    answer = await http.post("/api/embed", json=body)

    assert len(answer.json()["embeddings"]) == 2


@pytest.mark.parametrize("wrong", [5, [5], {"text": "Cats"}])
async def test_anything_but_text_is_400(
    http: httpx.AsyncClient, ollama: Server, wrong: Any
) -> None:
    answer = await http.post("/api/embed", json={"model": ollama.embed_model, "input": wrong})

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid input type"


async def test_a_missing_model_is_404(http: httpx.AsyncClient, runner: ModelRunner) -> None:
    answer = await http.post("/api/embed", json={"model": "nope", "input": "Cats"})

    assert answer.status_code == 404
    with pytest.raises(ModelMissingError):
        await runner.embed("nope", ["Cats"])


async def test_a_chat_model_makes_no_vectors(runner: ModelRunner, ollama: Server) -> None:
    with pytest.raises(ModelCannotEmbedError):
        await runner.embed(ollama.chat_model, ["Cats"])
