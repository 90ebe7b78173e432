"""The check of the set-up against a real chat site: cited, and nothing stays of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from aiohttp.test_utils import TestServer
from typing_extensions import override

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.kinds import SETUP_CHECK
from appliance.jobs.record import JobRecord
from appliance.jobs.service import JobService
from appliance.jobs.store import JobStore
from appliance.setup.check import SetupCheck
from appliance.setup.errors import (
    CheckRefusedError,
    FrontUnreachableError,
    SampleNotCitedError,
    SampleNotReadError,
)
from appliance.setup.model import Step, StepState
from appliance.setup.sample import new_sample
from appliance.setup.service import SetupService
from appliance.setup.store import SetupStore
from tests.builders.library import Shelf, running, shelf, worker

CLOCK = SystemClock()
Handler = Callable[[httpx.Request], httpx.Response | None]


class Front(httpx.AsyncHTTPTransport):
    """The way to the chat site; `meddle` may answer a request in its place."""

    def __init__(self, meddle: Handler) -> None:
        super().__init__()
        self.meddle = meddle

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.meddle(request)
        return answer if answer is not None else await super().handle_async_request(request)


@pytest.fixture
def books(database: Database, settings: Settings) -> Shelf:
    return shelf(database, settings.documents)


Check = Callable[..., SetupCheck]


@pytest.fixture
def check_of(database: Database, site: TestServer, books: Shelf) -> Check:
    def make(meddle: Handler = lambda _: None) -> SetupCheck:
        @asynccontextmanager
        async def open_front() -> AsyncIterator[httpx.AsyncClient]:
            address = str(site.make_url("/"))
            async with httpx.AsyncClient(transport=Front(meddle), base_url=address) as client:
                yield client

        people, api_keys = People(database, CLOCK), ApiKeys(database, CLOCK)
        setup = SetupService(database, CLOCK)
        return SetupCheck(database, CLOCK, setup, people, api_keys, books.service, open_front)

    return make


@pytest.fixture
async def reader(ingest_database: Database, books: Shelf) -> AsyncIterator[None]:
    async with running(worker(ingest_database, books.blobs)):
        yield


@pytest.fixture
async def record(database: Database, olga: Account) -> JobRecord:
    """The record of a check that the operator asked for, running."""
    job = await JobService(database, CLOCK).start(olga, SETUP_CHECK.name)
    async with database.connection() as connection:
        now = CLOCK.now()
        claimed = await JobStore(connection).claim(
            SETUP_CHECK.name, now=now, deadline=now + SETUP_CHECK.deadline, job=job.id
        )
    assert claimed
    return JobRecord(claimed, database, CLOCK)


async def left(database: Database, books: Shelf) -> dict[str, int]:
    """Count what a check may leave behind."""
    async with database.connection() as connection:
        rows = await connection.execute(
            "SELECT (SELECT count(*) FROM library.document), (SELECT count(*) FROM core.api_key),"
            " (SELECT count(*) FROM core.setup_check WHERE removed_at IS NULL)"
        )
        found = await rows.fetchone()
    assert found
    return {
        "documents": found[0],
        "keys": found[1],
        "checks": found[2],
        "files": len(books.files()),
    }


NOTHING = {"documents": 0, "keys": 0, "checks": 0, "files": 0}


async def test_a_cited_answer_ends_the_step_and_nothing_stays(
    database: Database, ingest_database: Database, books: Shelf, check_of: Check, record: JobRecord
) -> None:
    check = check_of()
    async with running(worker(ingest_database, books.blobs)):
        said = await check.run(record)
    assert "The test document is removed." in said
    found = await check.latest()
    assert found
    assert found["question"].startswith("What is the ferry")
    assert found["quote"] in new_text(found["question"], found["quote"])
    assert found["file"].startswith("Set-up check ")
    assert found["text"]
    assert await left(database, books) == NOTHING
    progress = await SetupService(database, CLOCK).progress()
    assert progress.state(Step.CHECK) is StepState.DONE


def new_text(question: str, quote: str) -> str:
    """Return the quote if it is about the document that the question names."""
    code = question.split()[-2]
    return quote if code in quote else ""


def refusing(method: str, path: str, answer: httpx.Response) -> Handler:
    return lambda request: answer if (request.method, request.url.path) == (method, path) else None


async def test_the_address_does_not_answer(
    database: Database, books: Shelf, check_of: Check, record: JobRecord
) -> None:
    def gone(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("Connection refused", request=request)

    with pytest.raises(FrontUnreachableError, match="Connection refused"):
        await check_of(gone).run(record)
    assert await left(database, books) == NOTHING
    assert not (await SetupService(database, CLOCK).progress()).decisions


async def test_another_server_answers(
    database: Database, books: Shelf, check_of: Check, record: JobRecord
) -> None:
    other = httpx.Response(200, text="<h1>It works!</h1>")
    with pytest.raises(CheckRefusedError, match="none of Cloister"):
        await check_of(refusing("POST", "/api/documents", other)).run(record)
    assert await left(database, books) == NOTHING


async def test_the_reader_fails(
    database: Database, books: Shelf, check_of: Check, record: JobRecord
) -> None:
    def broken(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            error = {"code": "x", "message": "The reader has no memory.", "hint": ""}
            return httpx.Response(200, json={"status": "failed", "error": error})
        return None

    with pytest.raises(SampleNotReadError, match="no memory"):
        await check_of(broken).run(record)
    assert await left(database, books) == NOTHING


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (503, {"error": {"message": "It starts."}}, CheckRefusedError),
        (200, {"citations": []}, SampleNotCitedError),
    ],
)
@pytest.mark.usefixtures("reader")
async def test_there_is_no_cited_answer(
    books: Shelf,
    check_of: Check,
    record: JobRecord,
    status: int,
    answer: dict[str, object],
    error: type[ApplianceError],
) -> None:
    refused = httpx.Response(status, json=answer)
    check = check_of(refusing("POST", "/v1/chat/completions", refused))
    with pytest.raises(error):
        await check.run(record)
    assert await left(check.database, books) == NOTHING
    assert await check.latest() is None


async def test_a_check_that_is_cancelled_cleans_up(
    database: Database, books: Shelf, check_of: Check, record: JobRecord
) -> None:
    added = asyncio.Event()

    def note(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            added.set()
        return None

    # Without a reader the document waits.
    task = asyncio.create_task(check_of(note).run(record))
    await added.wait()
    assert (await left(database, books))["documents"] == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left(database, books) == NOTHING


async def crashed(database: Database, books: Shelf, owner: Account) -> None:
    """Leave behind what a check leaves that is killed while the document waits."""
    sample = new_sample()
    async with database.connection() as connection:
        began = datetime.now(UTC) - timedelta(minutes=1)
        check = await SetupStore(connection).begin_check(owner.id, sample.digest, now=began)
    await ApiKeys(database, CLOCK).create(
        owner, owner, f"set-up check {check}", [Scope.DOCUMENTS], 1
    )
    own = await books.own(owner)
    await books.upload(owner, sample.file_name, sample.content.decode(), own)


async def test_what_a_crash_left_behind_is_found_and_removed(
    database: Database, books: Shelf, check_of: Check, olga: Account
) -> None:
    await crashed(database, books, olga)
    await books.upload(olga, "mine.txt", "This one is kept.", await books.own(olga))
    await ApiKeys(database, CLOCK).create(olga, olga, "mine", [Scope.CHAT], 1)
    check = check_of()
    # The hourly clean-up leaves a check alone that may still run.
    assert await check.remove_leftovers(CLOCK.now() - SETUP_CHECK.deadline) == 0
    assert await check.remove_leftovers() == 1
    assert await check.remove_leftovers() == 0
    assert await left(database, books) == {"documents": 1, "keys": 1, "checks": 0, "files": 1}


async def test_the_next_check_removes_what_the_one_before_left(
    database: Database,
    books: Shelf,
    check_of: Check,
    olga: Account,
    record: JobRecord,
) -> None:
    await crashed(database, books, olga)
    with pytest.raises(CheckRefusedError):
        await check_of(lambda _: httpx.Response(500, text="")).run(record)
    assert await left(database, books) == NOTHING


async def test_of_several_operators_it_acts_for_the_one_who_asked(
    database: Database, check_of: Check, bob: Account, olga: Account, record: JobRecord
) -> None:
    await People(database, CLOCK).set_role(CommandLine(), bob.id, olga.role)
    with pytest.raises(CheckRefusedError):
        await check_of(lambda _: httpx.Response(500, text="")).run(record)
    async with database.connection() as connection:
        rows = await connection.execute(
            "SELECT actor FROM core.audit WHERE action IN ('api_key.create', 'api_key.revoke')"
        )
        assert await rows.fetchall() == [(olga.name,)] * 2
