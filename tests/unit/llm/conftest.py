from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from appliance.llm.client import ModelRunner
from tests.fakes.ollama import FakeOllama, running_fake


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with running_fake() as running:
        yield running


@pytest.fixture
async def runner(fake: FakeOllama) -> AsyncIterator[ModelRunner]:
    async with ModelRunner(fake.address) as model_runner:
        yield model_runner
