"""A running appliance as far as the command line asks it: a chat server and the control socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.cli.context import Context
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.cli import running_sockets
from tests.fakes.ollama import FakeOllama, running_fake


@pytest.fixture
async def runner() -> AsyncIterator[FakeOllama]:
    """The fake model runner that the chat server asks."""
    async with running_fake() as fake:
        yield fake


@pytest.fixture
def settings(tmp_path: Path, runner: FakeOllama) -> Settings:
    """Settings of an appliance in a folder of its own."""
    return Settings(home=tmp_path / "home", ollama_url=runner.address, generation_slots=1)


@pytest.fixture
async def context(
    settings: Settings, database: Database, chat_database: Database
) -> AsyncIterator[Context]:
    """What a verb is given."""
    async with running_sockets(settings, database, chat_database) as context:
        yield context
