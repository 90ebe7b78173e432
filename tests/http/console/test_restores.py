"""A restore in steps: from the backups of this machine, by an operator or with a claim code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from appliance.accounts.model import Account
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.backup_plan.records import read_plan
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.operations.model import Facts
from appliance.restore.errors import NothingToUndoError
from appliance.supervisor.model import Phase
from tests.builders.backup_facts import (
    KEY,
)
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.operations import FakeOperations
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser, Open, Serve, actions

PAGE = "/admin/backups"


LISTED: Facts = {
    "repository": "ef" * 32,
    "snapshots": [
        {"id": "ab" * 32, "kind": "set", "taken_at": "2026-03-01T02:00:00+00:00", "verified": True,
         "version": "0.2.0", "people": 3, "documents": 7, "conversations": 9, "bytes": 1000}
    ],
}  # fmt: skip


def restoring(request: Facts) -> Facts:
    """Answer as the operation `restore`."""
    match request["work"]:
        case "list":
            return LISTED
        case "preview":
            return {"then": LISTED["snapshots"][0], "now": None, "room": 10, "free": 100}  # type: ignore[index]
        case "restore":
            files = ["tls/certificate.pem", "tls/key.pem", "targets/1.json"]
            return {"tables": 40, "taken_at": "2026-03-01T02:00:00+00:00", "files": files}
        case _:
            return {"state": "unconfirmed"}


async def through_to_the_end(
    browser: ConsoleBrowser, words: str = "Everything is restored"
) -> None:
    """Take every step of a restore of everything, until the page has these words."""
    answer = await browser.post("/admin/restore/open", {"source": "0", "key": KEY.text})
    assert answer.headers.get("Location") == "/admin/restore", await answer.text()
    assert "2026-03-01 02:00" in await browser.text("/admin/restore")
    chosen = {"snapshot": "ab" * 32, "what": "everything", "subject": ""}
    await browser.post("/admin/restore/preview", chosen)
    page = await browser.text("/admin/restore")
    assert "What would change" in page
    answer = await browser.post("/admin/restore/start", {"confirmation": "yes"})
    assert "the word RESTORE was not typed" in await answer.text()
    answer = await browser.post("/admin/restore/start", {"confirmation": "restore"})
    assert answer.status == 303
    await until_page_says(browser, words)


async def until_page_says(browser: ConsoleBrowser, words: str) -> str:
    """Wait until the page of the steps has these words, and return it."""
    async with asyncio.timeout(10):
        while words not in (page := await browser.text("/admin/restore")):
            await asyncio.sleep(0.05)
    return page


async def test_an_operator_restores_in_steps_and_keeps_the_result(
    as_olga: ConsoleBrowser,
    settings: Settings,
    operations: FakeOperations,
    units: FakeUnits,
    database: Database,
) -> None:
    operations.answers["restore"] = restoring
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga)
    assert ("restart", "postgres") in units.wanted
    asked = operations.asked("restore")
    assert [request["work"] for request in asked] == ["list", "preview", "restore", "status"]
    assert asked[2]["what"] == "everything"
    assert asked[2]["key"] == KEY.text
    assert read_plan(settings.state).restored_at is not None
    assert "A restore waits for your decision" in await as_olga.text(PAGE)
    await as_olga.post(f"{PAGE}/restore/keep")
    assert read_plan(settings.state).restored_at is None
    assert (await actions(database))[-2:] == ["restore.start", "restore.confirm"]


async def test_undo_restarts_what_uses_the_database(
    as_olga: ConsoleBrowser, operations: FakeOperations, units: FakeUnits
) -> None:
    operations.answers["restore"] = restoring
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga)
    units.wanted.clear()
    answer = await as_olga.post("/admin/restore/undo")
    assert answer.headers["Location"] == "/admin/restore"
    await until_page_says(as_olga, "The restore is undone")
    assert {"work": "undo"} in operations.asked("restore")
    assert units.wanted == [("restart", "postgres"), ("restart", "ingest")]


async def test_models_are_restored_and_nothing_is_exchanged(
    as_olga: ConsoleBrowser, operations: FakeOperations, units: FakeUnits, settings: Settings
) -> None:
    def answer(request: Facts) -> Facts:
        if request["work"] == "list":
            return LISTED
        saved_at = "2026-03-02T02:10:00+00:00"
        return {
            "models": ["llama3.2:3b"],
            "saved_at": saved_at,
            "room": 10,
            "free": 100,
            "files": 4,
        }

    operations.answers["restore"] = answer
    await as_olga.post(f"{PAGE}/restore")
    await as_olga.post("/admin/restore/open", {"source": "0"})
    await as_olga.post("/admin/restore/preview", {"snapshot": "ab" * 32, "what": "models"})
    page = await as_olga.text("/admin/restore")
    when = datetime.fromisoformat("2026-03-02T02:10:00+00:00").astimezone()
    assert f"These models were saved {when:%Y-%m-%d %H:%M}: llama3.2:3b." in page
    assert "nothing is replaced" in page
    await as_olga.post("/admin/restore/start", {"confirmation": "RESTORE"})
    async with asyncio.timeout(10):
        while "These models can be used" not in await as_olga.text("/admin/restore"):
            await asyncio.sleep(0.05)
    assert operations.asked("restore")[-1]["what"] == "models"
    assert units.wanted == []
    assert read_plan(settings.state).restored_at is None


async def test_a_restore_is_done_when_what_uses_the_database_serves_again(
    as_olga: ConsoleBrowser, operations: FakeOperations, units: FakeUnits
) -> None:
    states = ["ready", "unconfirmed"]

    def answer(request: Facts) -> Facts:
        return {"state": states.pop(0)} if request["work"] == "status" else restoring(request)

    operations.answers["restore"] = answer
    units.change("ingest", Phase.WAITING, "waits for postgres")
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga, "Chat and document reader start again")
    assert not states
    page = await as_olga.text("/admin/restore")
    assert "Everything is restored" not in page
    units.change("ingest", Phase.READY, "answers")
    page = await until_page_says(as_olga, "Everything is restored")
    assert "The state of 2026-03-01" in page
    assert "the certificate with its key, the targets of copies" in page
    assert "cloister restore files" in page


async def test_the_page_of_a_restore_is_polled_until_it_has_ended(
    as_olga: ConsoleBrowser, operations: FakeOperations, units: FakeUnits
) -> None:
    operations.answers["restore"] = restoring
    units.change("ingest", Phase.WAITING, "waits for postgres")
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga, "Chat and document reader start again")
    assert 'hx-trigger="every 2s"' in await as_olga.text("/admin/restore")
    part = {"HX-Request": "true"}
    assert (await as_olga.get("/admin/restore", headers=part)).status == 200
    units.change("ingest", Phase.READY, "answers")
    await until_page_says(as_olga, "Everything is restored")
    # With this status htmx asks no more.
    assert (await as_olga.get("/admin/restore", headers=part)).status == 286


async def test_a_restore_that_was_ended_at_the_command_line_is_forgotten(
    as_olga: ConsoleBrowser, settings: Settings, operations: FakeOperations
) -> None:
    def answer(request: Facts) -> Facts:
        if request["work"] == "confirm":
            raise NothingToUndoError
        return restoring(request)

    operations.answers["restore"] = answer
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga)
    await as_olga.post(f"{PAGE}/restore/keep")
    assert "There is no restore that could be confirmed" in await as_olga.text(PAGE)
    assert "A restore waits for your decision" not in await as_olga.text(PAGE)
    assert read_plan(settings.state).restored_at is None


async def test_another_browser_of_an_operator_follows_a_restore_that_works(
    as_olga: ConsoleBrowser,
    visit: Callable[[], Awaitable[ConsoleBrowser]],
    olga: Account,
    operations: FakeOperations,
    units: FakeUnits,
) -> None:
    operations.answers["restore"] = restoring
    units.change("ingest", Phase.WAITING, "waits for postgres")
    await as_olga.post(f"{PAGE}/restore")
    await through_to_the_end(as_olga, "Chat and document reader start again")
    other = await visit()
    await other.sign_in(olga.name)
    await other.post(f"{PAGE}/restore")
    assert "Chat and document reader start again" in await other.text("/admin/restore")
    # A step that is past changes nothing.
    await other.post("/admin/restore/open", {"source": "0"})
    assert "Chat and document reader start again" in await other.text("/admin/restore")


@pytest.mark.parametrize(
    ("what", "gone", "words"),
    [
        ("everything", 0, "<p>Nothing is lost: no person, document"),
        ("everything", 4, "<strong>What came later would be gone: 4 messages.</strong>"),
        ("documents", 4, "nothing is replaced"),
    ],
)
async def test_a_preview_is_loud_only_where_something_would_be_lost(
    what: str, gone: int, words: str, as_olga: ConsoleBrowser, operations: FakeOperations
) -> None:
    counts = {"people": 0, "documents": 0, "conversations": 0}

    def answer(request: Facts) -> Facts:
        if request["work"] == "list":
            return LISTED
        now = {**counts, "documents": 7}
        return {**restoring(request), "now": now, "gone": {**counts, "messages": gone}}

    operations.answers["restore"] = answer
    await as_olga.post(f"{PAGE}/restore")
    await as_olga.post("/admin/restore/open", {"source": "0"})
    await as_olga.post("/admin/restore/preview", {"snapshot": "ab" * 32, "what": what})
    page = await as_olga.text("/admin/restore")
    assert words in page
    assert ("would be gone" in page) == ("would be gone" in words)
    assert ("Nothing is lost" in page) == ("Nothing is lost" in words)


async def test_no_restore_begins_while_a_backup_runs(
    as_olga: ConsoleBrowser, operations: FakeOperations
) -> None:
    operations.answers["restore"] = restoring
    await as_olga.post(f"{PAGE}/restore")
    await as_olga.post("/admin/restore/open", {"source": "0"})
    await as_olga.post("/admin/restore/preview", {"snapshot": "ab" * 32, "what": "everything"})
    operations.running.add("set")
    answer = await as_olga.post("/admin/restore/start", {"confirmation": "RESTORE"})
    assert "A backup is being made at this moment" in await answer.text()
    assert [request["work"] for request in operations.asked("restore")] == ["list", "preview"]


async def test_how_far_a_restore_is_needs_no_database_and_no_session(
    serve: Serve,
    open_browser: Open,
    olga: Account,
    database: Database,
    operations: FakeOperations,
) -> None:
    operations.answers["restore"] = restoring
    site = await serve(database)
    browser = open_browser(site)
    await browser.sign_in(olga.name)
    await browser.post(f"{PAGE}/restore")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM core.session")
    await through_to_the_end(browser)


async def test_strangers_have_no_steps(as_olga: ConsoleBrowser, nobody: ConsoleBrowser) -> None:
    await as_olga.post(f"{PAGE}/restore")
    answer = await nobody.get("/admin/restore")
    assert (answer.status, answer.headers["Location"]) == (303, PAGE)
    answer = await nobody.post("/admin/restore/open", {"source": "0"})
    assert (answer.status, answer.headers["Location"]) == (303, PAGE)


async def test_the_claim_code_of_a_new_machine_opens_a_restore(
    visit: Callable[[], Awaitable[ConsoleBrowser]],
    operations: FakeOperations,
    database: Database,
    units: FakeUnits,
) -> None:
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    code = await accounts.new_claim_code(CommandLine())
    operations.answers["restore"] = restoring
    browser = await visit()
    assert "Restore a backup instead" in await browser.text("/admin/claim")
    answer = await browser.post("/admin/claim/restore", {"code": "wrong"})
    assert answer.headers["Location"] == "/admin/claim"
    answer = await browser.post("/admin/claim/restore", {"code": code.text})
    assert answer.headers["Location"] == "/admin/restore"
    await through_to_the_end(browser)
    assert ("restart", "postgres") in units.wanted
    await accounts.check_claim_code(code.text)


async def test_a_claimed_machine_offers_no_restore_for_a_code(
    visit: Callable[[], Awaitable[ConsoleBrowser]], olga: Account, database: Database
) -> None:
    code = await Accounts(database, SystemClock(), FAST_PASSWORDS).new_claim_code(CommandLine())
    browser = await visit()
    assert "Restore a backup instead" not in await browser.text("/admin/claim")
    answer = await browser.post("/admin/claim/restore", {"code": code.text})
    assert answer.headers["Location"] == "/admin/claim"
