"""The contract is kept by the fake always, and by a real Ollama that CLOISTER_TEST_OLLAMA names.

The real one needs a chat model and an embedding model; any will do, small ones are faster.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from appliance.llm.client import ModelRunner
from tests.fakes.ollama import Behaviour, running_fake

FAKE = "fake"
REAL = os.environ.get("CLOISTER_TEST_OLLAMA")
LONG_ANSWER = "word " * 20_000


@dataclass(frozen=True, slots=True)
class Server:
    """A model runner under test and what it has."""

    address: str
    chat_model: str
    embed_model: str


@pytest.fixture(params=[FAKE, REAL] if REAL else [FAKE])
async def ollama(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    if request.param == FAKE:
        behaviour = Behaviour(answer=LONG_ANSWER, token_delay=0.001, parallel=1)
        async with running_fake(behaviour) as fake:
            yield Server(fake.address, "fake-chat:latest", "fake-embed:latest")
        return
    async with ModelRunner(request.param) as runner:
        models = await runner.models()
    chat = next(model for model in models if model.can_chat)
    embed = next(model for model in models if model.can_embed)
    yield Server(request.param, chat.name, embed.name)


@pytest.fixture
async def http(ollama: Server) -> AsyncIterator[httpx.AsyncClient]:
    address = ollama.address if "://" in ollama.address else f"http://{ollama.address}"
    async with httpx.AsyncClient(base_url=address, timeout=600, trust_env=False) as client:
        yield client


@pytest.fixture
async def runner(ollama: Server) -> AsyncIterator[ModelRunner]:
    async with ModelRunner(ollama.address) as model_runner:
        yield model_runner
