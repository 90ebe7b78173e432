"""A client of the OpenAI-shaped interface with a key, and one document to ask about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.retrieval import Library, TestDocument

TEXT = "The pump in hall four was repaired on 3 May by Ms Huber. It runs quietly again."
QUESTION = {"role": "user", "content": "When was the pump repaired?"}
JsonObject = dict[str, Any]
Ask = Callable[..., Awaitable[ClientResponse]]


@pytest.fixture
async def document(database: Database) -> TestDocument:
    document = TestDocument("report.pdf", [TEXT])
    await Library(database).add(document)
    return document


@pytest.fixture
async def client(
    site: TestServer, alice: Account, chat_database: Database
) -> TestClient[web.Request, web.Application]:
    keys = ApiKeys(chat_database, SystemClock())
    _, secret = await keys.create(alice, alice, "tests", [Scope.CHAT], 1)
    return TestClient(site, headers={"Authorization": f"Bearer {secret.text}"})


@pytest.fixture
async def ask(client: TestClient[web.Request, web.Application]) -> Any:
    async def ask(*messages: JsonObject, **more: object) -> ClientResponse:
        body = {"model": "cloister", "messages": messages or [QUESTION], **more}
        return await client.post("/v1/chat/completions", json=body)

    yield ask
    await client.session.close()
