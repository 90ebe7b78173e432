"""The pages of backups: what could be restored, keys, targets, and a restore in steps."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.backup_plan.records import read_plan, read_proof
from appliance.core.clock import SystemClock
from appliance.core.errors import InvalidInputError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.offsite.model import Protection, TargetState
from appliance.operations.model import Facts
from appliance.repository.errors import KeyUnknownError
from appliance.repository.model import Kind
from appliance.restore.errors import NothingToUndoError
from appliance.supervisor.model import Phase
from tests.builders.backup_facts import (
    KEY,
    catalog_of,
    keep_models,
    keep_target,
    publish,
    remember,
    snapshot,
    target,
    verified_set,
)
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.operations import FakeOperations
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser, Open, Serve

PAGE = "/admin/backups"
HOUR = timedelta(hours=1)
SHEET = {"repository": "ef" * 32, "key_file": "eyJrZXkiOiAxfQ==", "config": "AP8A/w=="}


@pytest.fixture
def now() -> datetime:
    return SystemClock().now()


async def actions(database: Database) -> list[str]:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT action FROM core.audit ORDER BY id")
        return [str(row[0]) for row in await rows.fetchall()]


async def test_a_new_machine_says_that_nothing_is_backed_up(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text(PAGE)
    assert "Nothing is backed up yet" in page
    assert "There is no copy elsewhere" in page
    assert "No recovery key was proved" in page
    assert "Back up now" in page


async def test_it_says_what_could_be_restored_and_shows_each_set(
    as_olga: ConsoleBrowser, settings: Settings, now: datetime
) -> None:
    sets = [verified_set(now - 3 * HOUR - timedelta(days=day), day + 1) for day in range(5)]
    hot = snapshot(now - HOUR, Kind.HOT, number=99)
    publish(settings, catalog_of(now, hot, *sets))
    remember(settings, proven_at=now - HOUR)
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    heading = page.select_one(".verdict h2")
    assert heading is not None
    assert re.fullmatch(r"Restorable as of .*\d\d:\d\d, verified, took 58 s", heading.text)
    assert len(page.select("#now + * , svg.plot__drawing")) >= 2
    assert [len(drawing.select("rect")) for drawing in page.select("svg.plot__drawing")] == [5, 5]
    assert all(drawing["aria-label"] for drawing in page.select("svg.plot__drawing"))
    assert "1 save in between" in page.text
    assert page.text.count("verified") >= 6


async def test_damage_and_a_failing_target_are_said_in_their_words(
    as_olga: ConsoleBrowser, settings: Settings, now: datetime
) -> None:
    publish(settings, catalog_of(now, verified_set(now - HOUR), damage="data/ab12 is damaged."))
    state = TargetState(
        error="offsite_full",
        message="The disk is <full>.",
        hint="Make room there.",
        protection=Protection.NONE,
    )
    keep_target(settings, target(), state)
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    assert "Files of the backups are damaged" in page.text
    assert "data/ab12 is damaged." in page.text
    card = page.select_one("#target-1")
    assert card is not None
    for words in ("The disk is <full>.", "Make room there.", "not protected against deletion"):
        assert words in card.text


async def test_buttons_start_jobs(
    as_olga: ConsoleBrowser, settings: Settings, database: Database
) -> None:
    keep_target(settings, target())
    jobs = JobService(database, SystemClock())
    for path in ("now", "drill", "targets/1/copy"):
        answer = await as_olga.post(f"{PAGE}/{path}")
        assert (answer.status, answer.headers["Location"][:12]) == (303, "/admin/jobs/")
    found = {(job.kind, job.subject, job.requested_by) for job in await jobs.jobs()}
    assert found == {("backup", "", "olga"), ("drill", "", "olga"), ("offsite", "1", "olga")}
    answer = await as_olga.post(f"{PAGE}/now")
    assert answer.headers["Location"] == PAGE
    assert "is queued or running already" in await as_olga.text(PAGE)


async def test_the_key_is_shown_once_and_counts_when_it_was_typed_back(
    as_olga: ConsoleBrowser,
    settings: Settings,
    operations: FakeOperations,
    database: Database,
    now: datetime,
) -> None:
    made: list[str] = []

    def key(request: Facts) -> Facts:
        typed = str(request["recovery_key"])
        if request["work"] == "add":
            made.append(typed)
            return SHEET
        if typed != made[-1]:
            raise KeyUnknownError(found="x", expected="y")
        return {**SHEET, "proven_at": now.isoformat()}

    operations.answers["key"] = key
    answer = await as_olga.post(f"{PAGE}/key/make")
    page = BeautifulSoup(await answer.text(), "html.parser")
    shown = page.select_one(".sheet__key")
    assert shown is not None
    assert "-".join(shown.text.split()) == made[0]
    assert len(page.select(".sheet__code svg")) == 3
    assert made[0] not in await as_olga.text(f"{PAGE}/key")
    wrong = await as_olga.post(f"{PAGE}/key/prove", {"key": KEY.text})
    assert "belongs to another repository" in await wrong.text()
    slip = await as_olga.post(f"{PAGE}/key/prove", {"key": made[0][:-1]})
    assert "at least one character is wrong" in await slip.text()
    assert read_proof(settings.state) is None
    good = await as_olga.post(f"{PAGE}/key/prove", {"key": made[0].lower().replace("-", " ")})
    assert (good.status, good.headers["Location"]) == (303, PAGE)
    proof = read_proof(settings.state)
    assert proof is not None
    assert proof.fingerprint in await as_olga.text(PAGE)
    assert (await actions(database))[-2:] == ["recovery_key.make", "recovery_key.prove"]
    # No secret stays anywhere below the home, nor in the audit.
    kept = "".join(path.read_text("latin-1") for path in settings.home.rglob("*") if path.is_file())
    assert made[0] not in kept
    assert made[0].replace("-", "") not in kept


async def test_a_target_is_kept_once_it_was_reached(
    as_olga: ConsoleBrowser, settings: Settings, operations: FakeOperations, database: Database
) -> None:
    fields = {"kind": "sftp", "name": "cellar", "place": "sftp://backup.test/cloister",
              "user": "olga", "secret": "a sentence"}  # fmt: skip

    def refuse(_: Facts) -> Facts:
        raise InvalidInputError(problem="It is away.", remedy="Switch it on.")

    operations.answers["offsite-1"] = refuse
    answer = await as_olga.post(f"{PAGE}/targets", fields)
    text = await answer.text()
    assert "It is away." in text
    assert "a sentence" not in text
    assert list(settings.offsite.glob("*.json")) == []
    operations.answers["offsite-1"] = lambda _: {"holds": "nothing"}
    answer = await as_olga.post(f"{PAGE}/targets", fields)
    assert (answer.status, answer.headers["Location"]) == (303, PAGE)
    assert json.loads((settings.offsite / "1.json").read_text())["secret"] == "a sentence"
    assert "a sentence" not in await as_olga.text(f"{PAGE}/targets/1")
    answer = await as_olga.post(f"{PAGE}/targets/1", {**fields, "name": "attic", "secret": ""})
    assert answer.status == 303
    assert json.loads((settings.offsite / "1.json").read_text())["secret"] == "a sentence"
    assert "attic" in await as_olga.text(PAGE)
    await as_olga.post(f"{PAGE}/targets/1/remove")
    assert list(settings.offsite.glob("*.json")) == []
    assert [name for name in await actions(database) if name.startswith("backup_target")] == [
        "backup_target.add",
        "backup_target.change",
        "backup_target.remove",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "folder", "place": "relative"}, "below /mnt"),
        ({"kind": "sftp", "place": "ftp://x/y", "user": "u", "secret": "s"}, "sftp://"),
        ({"kind": "folder", "place": "/mnt/x/y", "opens": "22:00"}, "Give both times"),
    ],
)
async def test_a_wrong_field_of_a_target_is_named(
    as_olga: ConsoleBrowser, operations: FakeOperations, fields: dict[str, str], words: str
) -> None:
    answer = await as_olga.post(f"{PAGE}/targets", {"name": "x", **fields})
    assert answer.status == 422
    assert words in await answer.text()
    assert operations.requests == []


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


async def test_the_page_says_which_models_were_saved(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    now = SystemClock().now()
    keep_target(settings, target(), TargetState(complete_at=now, models_at=now))
    assert "Models saved" not in await as_olga.text(PAGE)
    keep_models(settings, now)
    page = await as_olga.text(PAGE)
    assert "1.9 GB: llama3.2:3b." in page
    assert "models <time" in page


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
