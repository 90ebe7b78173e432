"""`cloister search` and `cloister ask` are answered by the chat server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.cli.context import Context
from appliance.cli.errors import ChatNotRunningError, NotRunningError
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.cli import run_verb
from tests.builders.retrieval import Library, TestDocument
from tests.fakes.ollama import FakeOllama

PUMPS = "The pump in hall three was replaced in March because a bearing was worn."
QUERY = "When was the pump replaced?"


@pytest.fixture
async def library(database: Database, olga: Account) -> Library:
    """A library with one shared document."""
    library = Library(database)
    await library.add(TestDocument("pumps.txt", ["intro", PUMPS]))
    return library


async def test_search_prints_passages_with_their_places(
    context: Context, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_verb(context, "search", QUERY) == ExitCode.DONE
    assert capsys.readouterr().out.startswith(f"pumps.txt, page 2\n{PUMPS}\n")


async def test_a_person_finds_only_what_they_may_read(
    context: Context, library: Library, alice: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    own = await library.collection("Alice's", alice)
    await library.add(TestDocument("secret.txt", ["The pump has a secret."], own))
    await run_verb(context, "search", "secret pump", "--user", "alice")
    assert "secret.txt" in capsys.readouterr().out
    await run_verb(context, "search", "secret pump")
    assert "secret.txt" not in capsys.readouterr().out


async def test_ask_prints_an_answer_with_its_sources(
    context: Context, library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_verb(context, "ask", *QUERY.split()) == ExitCode.DONE
    assert "[1] pumps.txt, page 2" in capsys.readouterr().out


async def test_ask_waits_in_the_same_queue_as_everybody(
    context: Context, library: Library, runner: FakeOllama
) -> None:
    def chats() -> int:
        return len(runner.requests_to("/api/chat"))

    # The only place is taken by a model that never answers.
    runner.behaviour.first_token_delay = 3600.0
    first = asyncio.create_task(run_verb(context, "ask", QUERY))
    await runner.until(lambda: chats() == 1)
    runner.behaviour.first_token_delay = 0.0
    second = asyncio.create_task(run_verb(context, "ask", QUERY))
    done, _ = await asyncio.wait({second}, timeout=0.5)
    assert (chats(), done) == (1, set())
    first.cancel()
    assert await second == ExitCode.DONE
    assert chats() == 2


async def test_without_a_chat_server_it_says_so(tmp_path: Path) -> None:
    context = Context(Settings(home=tmp_path), SystemClock(), Output(as_json=False))
    with pytest.raises(NotRunningError, match="Cloister is not running"):
        await run_verb(context, "search", QUERY)
    context.settings.control_socket.parent.mkdir(parents=True)
    context.settings.control_socket.touch()
    with pytest.raises(ChatNotRunningError):
        await run_verb(context, "search", QUERY)
