"""What a monitor reads at /ready: what counts, and an answer in time when nothing else answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.library.reader_condition import ReaderCondition
from appliance.llm.condition import RunnerCondition
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.ollama import FakeOllama
from tests.http.conftest import VERSION, Browser
from tests.postgres import Server, hung
from webchat.app import build

# The answer comes within two seconds; a machine under load may be late, a hang never ends.
NOT_FOR_EVER = 20.0
NOBODY = "http://127.0.0.1:1"


@asynccontextmanager
async def serving(settings: Settings, address: str) -> AsyncIterator[TestClient[Any, Any]]:
    """Run a chat server over this database."""
    app = build(settings, SystemClock(), 1, Database(address), FAST_PASSWORDS, VERSION)
    server: TestServer = TestServer(app)
    async with TestClient[web.Request, web.Application](server) as client:
        yield client


async def ready(client: TestClient[Any, Any]) -> tuple[int, dict[str, bool]]:
    """Return the status of /ready, and what it found."""
    async with asyncio.timeout(NOT_FOR_EVER):
        answer = await client.get("/ready")
        body = await answer.json()
    assert body["status"] == ("ready" if answer.status == 200 else "not ready")
    return answer.status, body["checks"]


async def choose(database: Database) -> None:
    """Choose a chat model, as an operator does."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.setting (name, value) VALUES ('chat_model', to_jsonb('qwen'::text))"
        )


async def test_health_says_that_the_process_serves(nobody: Browser) -> None:
    answer = await nobody.get("/health")
    assert answer.status == 200
    assert (await answer.json())["status"] == "healthy"


async def test_everything_answers(settings: Settings, chat_database: Database) -> None:
    async with serving(settings, chat_database.address) as client:
        assert await ready(client) == (200, dict.fromkeys(NAMES, True))


NAMES = ("database", "ollama", "document_reader", "disk_space", "memory")


async def test_the_runner_counts_only_where_a_model_was_chosen(
    settings: Settings, chat_database: Database, database: Database
) -> None:
    silent = replace(settings, ollama_url=NOBODY)
    async with serving(silent, chat_database.address) as client:
        assert await ready(client) == (200, dict.fromkeys(NAMES, True))
        await choose(database)
        status, checks = await ready(client)
    assert status == 503
    assert [name for name, well in checks.items() if not well] == ["ollama"]


async def test_a_runner_that_hangs_delays_no_answer(
    settings: Settings, chat_database: Database, database: Database, runner: FakeOllama
) -> None:
    runner.behaviour.lookup_delay = 600
    await choose(database)
    async with serving(settings, chat_database.address) as client:
        assert (await ready(client))[1] == dict.fromkeys(NAMES, True) | {"ollama": False}


async def test_what_the_supervisor_published_counts(
    settings: Settings, chat_database: Database
) -> None:
    settings.runner_condition.parent.mkdir(parents=True)
    async with serving(settings, chat_database.address) as client:
        settings.runner_condition.write_text(f"{RunnerCondition.HUNG}\n")
        assert (await ready(client))[0] == 503
        settings.runner_condition.write_text(f"{RunnerCondition.SERVING}\n")
        assert (await ready(client))[0] == 200


@pytest.mark.parametrize(
    ("condition", "well"),
    [
        (ReaderCondition.GIVEN_UP, False),
        (ReaderCondition.STOPPED, True),
        (ReaderCondition.RECOVERING, True),
        (ReaderCondition.SERVING, True),
    ],
)
async def test_a_document_reader_that_was_given_up_counts(
    settings: Settings, chat_database: Database, condition: ReaderCondition, well: bool
) -> None:
    settings.reader_condition.parent.mkdir(parents=True)
    settings.reader_condition.write_text(f"{condition}\n")
    async with serving(settings, chat_database.address) as client:
        status, checks = await ready(client)
    assert checks == dict.fromkeys(NAMES, True) | {"document_reader": well}
    assert status == (200 if well else 503)


async def test_without_a_database_it_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    async with serving(settings, conninfo(tmp_path / "nothing", "cloister_chat")) as client:
        status, checks = await ready(client)
    assert (status, checks["database"]) == (503, False)


async def test_a_database_that_hangs_delays_no_answer(
    settings: Settings, own_server: Server
) -> None:
    async with serving(settings, conninfo(own_server.socket, "cloister")) as client:
        status, checks = await ready(client)
        assert (status, checks["database"]) == (200, True)
        with hung(own_server):
            status, checks = await ready(client)
            assert status == 503
            assert checks == dict.fromkeys(NAMES, True) | {"database": False}
            # Questions that still wait for the database take no connection from the next one.
            assert (await ready(client))[0] == 503
        assert (await ready(client))[1]["database"] is True


async def test_without_a_table_it_is_not_ready(
    settings: Settings, database: Database, chat_database: Database
) -> None:
    async with serving(settings, chat_database.address) as client:
        assert (await ready(client))[1]["database"]
        async with database.connection() as connection:
            await connection.execute("ALTER TABLE chat.citation RENAME TO citation_lost")
        status, checks = await ready(client)
        assert (status, checks["database"]) == (503, False)


async def test_a_server_of_an_earlier_version_stays_ready_until_it_is_replaced(
    settings: Settings, database: Database, chat_database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO public.migration VALUES (9999, 'later')")
        await connection.execute("DROP INDEX library.chunk_words")
    async with serving(settings, chat_database.address) as client:
        assert (await ready(client))[1]["database"]
