"""The OpenAI-shaped interface beside the answers: its models, vectors, limits and keys."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.settings.service import OperatorSettings
from tests.fakes.ollama import FakeOllama
from webchat.keys import LIVE
from webchat.pages.api_chat_body import LARGEST_BODY, LONGEST_TEXT

IN_USE = ["cloister", "fake-chat:latest", "fake-embed:latest"]


async def listed(client: TestClient[web.Request, web.Application]) -> list[str]:
    body = await (await client.get("/v1/models")).json()
    assert body["object"] == "list"
    return [model["id"] for model in body["data"]]


async def test_the_models_in_use_are_listed(
    client: TestClient[web.Request, web.Application],
) -> None:
    assert await listed(client) == IN_USE
    await client.session.close()


async def test_an_operator_allows_further_models(
    site: TestServer,
    client: TestClient[web.Request, web.Application],
    database: Database,
    settings: Settings,
    runner: FakeOllama,
) -> None:
    body = {"model": "fake-think", "messages": [{"role": "user", "content": "When?"}]}
    assert (await client.post("/v1/chat/completions", json=body)).status == 404
    chosen = OperatorSettings(database, settings)
    await chosen.change(CommandLine(), {"allowed_models": ("fake-think", "missing")})
    await site.app[LIVE].load()
    assert await listed(client) == [*IN_USE, "fake-think:latest"]
    assert (await client.post("/v1/chat/completions", json=body)).status == 200
    await chosen.change(CommandLine(), {"allowed_models": None})
    await site.app[LIVE].load()
    assert await listed(client) == IN_USE
    assert (await client.post("/v1/chat/completions", json=body)).status == 404
    await client.session.close()


async def test_no_request_loads_a_model_that_is_not_allowed(
    client: TestClient[web.Request, web.Application], runner: FakeOllama
) -> None:
    messages = [{"role": "user", "content": "When?"}]
    for name in ("fake-think", "fake-think:latest", "FAKE-THINK", "nowhere"):
        for path, body in (
            ("/v1/chat/completions", {"messages": messages}),
            ("/v1/chat/completions", {"messages": messages, "stream": True}),
            ("/v1/embeddings", {"input": "a pump"}),
        ):
            answer = await client.post(path, json={"model": name, **body})
            assert answer.status == 404
            error = (await answer.json())["error"]
            assert (error["code"], error["type"]) == ("model_not_found", "invalid_request_error")
    assert runner.loads == 0
    await client.session.close()


async def test_texts_become_vectors(client: TestClient[web.Request, web.Application]) -> None:
    body = {"model": "fake-embed", "input": ["a pump", "a hall"]}
    answer = await (await client.post("/v1/embeddings", json=body)).json()
    assert [entry["index"] for entry in answer["data"]] == [0, 1]
    assert len(answer["data"][0]["embedding"]) == 256
    assert answer["usage"]["total_tokens"] > 0
    for wrong in ("", [], [""], [5], None, "\ud800"):
        refused = await client.post("/v1/embeddings", json={"model": "fake-embed", "input": wrong})
        assert refused.status == 400
    ours = await client.post("/v1/embeddings", json={"model": "cloister", "input": "a pump"})
    assert (await ours.json())["data"][0] == answer["data"][0]
    for encoding in ("hex", None, ["float"], 1):
        unknown = {**body, "encoding_format": encoding}
        assert (await client.post("/v1/embeddings", json=unknown)).status == 400
    refused = await client.post("/v1/embeddings", json={"model": "fake-chat", "input": "x"})
    assert (await refused.json())["error"]["code"] == "model_cannot_embed"
    await client.session.close()


async def test_many_texts_come_at_once_and_too_many_are_refused(
    client: TestClient[web.Request, web.Application],
) -> None:
    for count, code in ((30, None), (LARGEST_BODY // LONGEST_TEXT + 1, "too_large")):
        texts = ["x" * LONGEST_TEXT] * count
        body = json.dumps({"model": "fake-embed", "input": texts}).encode()
        answer = await (await client.post("/v1/embeddings", data=io.BytesIO(body))).json()
        assert answer.get("error", {}).get("code") == code
    pieces = aiter_of(b" " * MEBIBYTE, LARGEST_BODY // MEBIBYTE + 1)
    answer = await client.post("/v1/chat/completions", data=pieces)
    assert answer.status == 413
    await client.session.close()


async def aiter_of(piece: bytes, count: int) -> AsyncIterator[bytes]:
    """Yield a body without saying how long it will be."""
    for _ in range(count):
        yield piece


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("POST", "/v1/embeddings"),
    ],
)
async def test_a_key_with_the_scope_is_needed(
    site: TestServer,
    alice: Account,
    chat_database: Database,
    method: str,
    path: str,
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    _, secret = await keys.create(alice, alice, "tests", [Scope.SEARCH], 1)
    client = TestClient(site)
    assert (await client.request(method, path)).status == 401
    headers = {"Authorization": f"Bearer {secret.text}"}
    answer = await client.request(method, path, headers=headers)
    assert answer.status == 403
    assert "message" in (await answer.json())["error"]
    await client.session.close()
