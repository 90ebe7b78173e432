"""Many people with a key each, against one server with a real database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.people import add_person
from tests.builders.retrieval import Library, TestDocument

TEXT = "The pump in hall four was repaired on 3 May by Ms Huber. It runs quietly again."
QUESTION = "When was the pump in hall four repaired?"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program got: the status, the headers that matter and the text."""

    status: int
    retry_after: str | None
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program of one person, with a key for everything."""

    account: Account
    session: aiohttp.ClientSession
    server: TestServer
    key: str

    async def get(self, path: str) -> Answer:
        return await self._read("GET", path)

    async def post(self, path: str, body: object) -> Answer:
        return await self._read("POST", path, body)

    async def ask(self, **more: object) -> Answer:
        """Ask a question; streamed unless the caller says otherwise."""
        messages = [{"role": "user", "content": QUESTION}]
        body = {"model": "cloister", "stream": True, "messages": messages, **more}
        return await self.post("/v1/chat/completions", body)

    async def search(self, query: str = QUESTION) -> Answer:
        return await self.post("/api/search", {"query": query})

    async def embed(self, *texts: str) -> Answer:
        return await self.post("/v1/embeddings", {"model": "fake-embed", "input": texts})

    async def _read(self, method: str, path: str, body: object = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.key}"}
        url = self.server.make_url(path)
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            return Answer(answer.status, answer.headers.get("Retry-After"), text)


Programs = Callable[[str], Awaitable[Program]]


@pytest.fixture
async def document(database: Database) -> TestDocument:
    document = TestDocument("report.pdf", [TEXT])
    await Library(database).add(document)
    return document


@pytest.fixture
async def program(
    site: TestServer, database: Database, chat_database: Database, document: TestDocument
) -> AsyncIterator[Programs]:
    """Make people with a key; there is a document to ask about."""
    keys = ApiKeys(chat_database, SystemClock())
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def new(name: str) -> Program:
            account = await add_person(database, name)
            _, secret = await keys.create(account, account, "tests", list(Scope), 1)
            return Program(account, session, site, secret.text)

        yield new
