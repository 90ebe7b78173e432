"""A library with one document, and a model that answers about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from bs4 import BeautifulSoup, Tag

from appliance.db.pool import Database
from tests.builders.retrieval import Library, TestDocument
from tests.fakes.ollama import FakeOllama
from tests.http.conftest import Browser

TEXT = "The pump in hall four was repaired on 3 May by Ms Huber. It runs quietly again."
QUESTION = "When was the pump repaired?"


@pytest.fixture
async def document(database: Database) -> TestDocument:
    """A document that everybody may read."""
    document = TestDocument("report.pdf", [TEXT], title="Pump report")
    await Library(database).add(document)
    return document


@pytest.fixture
def slow(runner: FakeOllama) -> FakeOllama:
    """A model that writes for a long time."""
    runner.behaviour.answer = "First paragraph [1].\n\n" + "word word\n" * 1500
    runner.behaviour.token_delay = 0.01
    return runner


async def asked(browser: Browser, question: str = QUESTION) -> str:
    """Ask in a new conversation and return its address."""
    answer = await browser.post("/conversations", {"question": question})
    assert answer.status == 303, await answer.text()
    return answer.headers["Location"]


async def opened(browser: Browser, address: str) -> BeautifulSoup:
    """Return a page."""
    answer = await browser.get(address)
    assert answer.status == 200, await answer.text()
    return BeautifulSoup(await answer.text(), "html.parser")


async def finished(browser: Browser, address: str) -> BeautifulSoup:
    """Wait until no answer of a conversation is being written; a busy machine needs its time."""
    pause = 0.02
    async with asyncio.timeout(40):
        while (page := await opened(browser, address)).select("[aria-busy]"):
            await asyncio.sleep(pause)
            # A long page that is made again and again leaves no time to write it.
            pause *= 1.5
    return page


def answer_in(page: BeautifulSoup) -> Tag:
    """Return the last answer of a page."""
    return page.select(".message--cloister")[-1]


def socket_in(page: BeautifulSoup) -> str:
    """Return the address where the answer that is being written can be watched."""
    return str(page.select("[ws-connect]")[-1]["ws-connect"])


@asynccontextmanager
async def watching(browser: Browser, address: str) -> AsyncIterator[ClientWebSocketResponse]:
    """Watch an answer."""
    async with browser.client.ws_connect(address) as socket:
        yield socket


async def until_closed(socket: ClientWebSocketResponse) -> list[str]:
    """Return all messages up to the end."""
    messages = []
    async with asyncio.timeout(30):
        async for message in socket:
            assert message.type == WSMsgType.TEXT
            messages.append(message.data)
    return messages
