"""The real process: it starts before its database, dies at any moment, and stops in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.core.process import Running, kill_group, spawn
from appliance.db.pool import Database
from appliance.library.model import DocumentState
from tests.builders import documents as make
from tests.builders.library import Shelf, counted_terms, shelf, true_terms, until
from tests.fakes.clock import FakeClock
from tests.postgres import Server

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def shelf_at_home(chat_database: Database, home: Path) -> Shelf:
    return shelf(chat_database, home / "documents")


def _connect(home: Path, server: Server) -> None:
    (home / "run" / "postgres").symlink_to(server.socket)


@asynccontextmanager
async def _process(home: Path, database_name: str) -> AsyncIterator[Running]:
    argv = (sys.executable, "-m", "tests.integration.ingest.process", database_name)
    running = await spawn(argv, env={"CLOISTER_HOME": str(home)}, cwd=ROOT)
    try:
        yield running
    finally:
        kill_group(running.pid)
        await running.process.wait()
        running.pipe.close()


async def _health(home: Path) -> dict[str, object] | None:
    connector = aiohttp.UnixConnector(str(home / "run" / "ingest" / "ingest.sock"))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://ingest/health") as response,
        ):
            answer: dict[str, object] = await response.json()
            return answer
    except aiohttp.ClientError:
        return None


async def _read_pages(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM library.page")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _chunks_twice(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM (SELECT FROM library.chunk"
            " GROUP BY document_id, page, start_at HAVING count(*) > 1) AS twice"
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_killed_in_the_middle_it_resumes_and_reads_everything_once(
    shelf_at_home: Shelf,
    alice: Account,
    database: Database,
    database_name: str,
    server: Server,
    home: Path,
) -> None:
    _connect(home, server)
    ids = []
    for number in range(3):
        pages = [f"Report {number}, page {page}.\n{make.LOREM}" for page in range(160)]
        pdf = make.pdf(home / f"{number}.pdf", pages)
        ids.append((await shelf_at_home.upload(alice, pdf.name, pdf)).document.id)

    async def has_begun() -> bool:
        return await _read_pages(database) > 0

    async with _process(home, database_name) as running:
        await until(has_begun)
        os.kill(running.pid, signal.SIGKILL)
        await running.process.wait()
    states = [(await shelf_at_home.service.document(alice, one)).state for one in ids]
    assert DocumentState.READY not in states
    async with _process(home, database_name):
        documents = await shelf_at_home.finished(alice, *ids)
    assert [(one.state, one.pages_done) for one in documents] == [(DocumentState.READY, 160)] * 3
    assert await _chunks_twice(database) == 0
    assert await counted_terms(database) == await true_terms(database)


async def test_it_starts_before_its_database_and_tells_its_health(
    shelf_at_home: Shelf,
    alice: Account,
    database_name: str,
    server: Server,
    home: Path,
) -> None:
    async def serves() -> bool:
        return await _health(home) is not None

    async with _process(home, database_name):
        await until(serves)
        health = await _health(home)
        assert health
        assert (health["status"], health["database"], health["queue"]) == ("healthy", False, None)
        _connect(home, server)
        uploaded = await shelf_at_home.upload(alice, "a.txt", "The harbour is closed.")
        [document] = await shelf_at_home.finished(alice, uploaded.document.id)
        assert document.state is DocumentState.READY
        health = await _health(home)
        assert health
        assert (health["database"], health["queue"]) == (True, 0)


async def test_it_removes_the_files_of_people_who_are_removed(
    shelf_at_home: Shelf,
    alice: Account,
    database: Database,
    database_name: str,
    server: Server,
    home: Path,
) -> None:
    _connect(home, server)
    own = await shelf_at_home.own(alice)
    private = (await shelf_at_home.upload(alice, "diary.txt", "Dear diary.", own)).document

    async def gone() -> bool:
        return shelf_at_home.files() == []

    async with _process(home, database_name):
        await shelf_at_home.finished(alice, private.id)
        await People(database, FakeClock()).remove(CommandLine(), alice.id)
        await until(gone)


async def test_sigterm_ends_it_in_order(database_name: str, server: Server, home: Path) -> None:
    _connect(home, server)

    async def serves() -> bool:
        return await _health(home) is not None

    async with _process(home, database_name) as running:
        await until(serves)
        os.kill(running.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await running.process.wait() == 0
        output = (await running.output.read()).decode()
    assert "Traceback" not in output
