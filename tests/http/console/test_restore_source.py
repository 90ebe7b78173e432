"""The place where the backups are, added in the steps of a restore, also with the claim code."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

import pytest
from aiohttp import ClientResponse
from bs4 import BeautifulSoup

from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import MOST_TARGETS, Settings
from appliance.db.pool import Database
from appliance.offsite.errors import (
    NoBackupsThereError,
    TargetRefusedError,
    TargetUnprovenError,
    TargetUnreachableError,
    TargetUnreadableError,
)
from appliance.operations.model import Facts
from appliance.repository.errors import KeyUnknownError
from tests.builders.backup_facts import KEY, keep_target, target
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.operations import FakeOperations
from tests.http.console.conftest import ConsoleBrowser

Visit = Callable[[], Awaitable[ConsoleBrowser]]
STEPS, PAGE, TARGETS = "/admin/restore", "/admin/restore/target", "/admin/backups/targets"
SECRET = "a sentence of its own"
FOLDER = {"kind": "folder", "name": "disk", "place": "/mnt/disk/cloister"}
SFTP = {
    "kind": "sftp",
    "name": "cellar",
    "place": "sftp://backup.test/cloister",
    "user": "olga",
    "secret": SECRET,
}
FOUND: Facts = {"holds": "backups", "snapshots": 1}


@pytest.fixture
def answers(operations: FakeOperations) -> FakeOperations:
    """Operations that find backups at the first target, and list them."""

    def served(_: Facts) -> Facts:
        return FOUND

    operations.answers["offsite-1"] = served
    return operations


@pytest.fixture
async def holder(visit: Visit, database: Database) -> ConsoleBrowser:
    """A browser that has opened the steps with the claim code of an unclaimed machine."""
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    code = await accounts.new_claim_code(CommandLine())
    browser = await visit()
    answer = await browser.post("/admin/claim/restore", {"code": code.text})
    assert answer.headers["Location"] == STEPS
    return browser


async def audited(database: Database) -> list[tuple[str, str, Mapping[str, object]]]:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT actor, action, detail FROM core.audit ORDER BY id")
        return [tuple(row) for row in await rows.fetchall()]


def is_chosen(page: str, source: int) -> bool:
    soup = BeautifulSoup(page, "html.parser")
    box = soup.select_one(f'input[name="source"][value="{source}"]')
    return box is not None and box.has_attr("checked")


def expect_moved(answer: ClientResponse, place: str) -> None:
    assert (answer.status, answer.headers.get("Location")) == (303, place)


async def test_the_claim_code_adds_a_place_that_is_only_restored_from(
    holder: ConsoleBrowser, settings: Settings, answers: FakeOperations, database: Database
) -> None:
    assert "Add another place" in await holder.text(STEPS)
    form = await holder.text(f"{PAGE}?kind=sftp")
    assert 'action="/admin/restore/target"' in form
    assert "KiB a second" not in form
    expect_moved(await holder.post(PAGE, SFTP), f"{STEPS}?source=1")
    assert answers.asked("offsite-1") == [{"work": "probe", "prepare": False}]
    kept = json.loads((settings.offsite / "1.json").read_text())
    assert (kept["restores_only"], kept["secret"]) == (True, SECRET)
    page = await holder.text(f"{STEPS}?source=1")
    assert is_chosen(page, 1)
    assert is_chosen(await holder.text(STEPS), 1), "nothing else is known here"
    assert "“cellar” holds backups" in page
    assert SECRET not in page
    name, action, detail = (await audited(database))[-1]
    assert (name, action) == ("claim code", "backup_target.add")
    assert detail == {"kind": "sftp", "use": "restore"}


@pytest.mark.parametrize("kind", ["folder", "sftp", "rest-server", "s3"])
async def test_each_kind_has_its_form(holder: ConsoleBrowser, kind: str) -> None:
    page = BeautifulSoup(await holder.text(f"{PAGE}?kind={kind}"), "html.parser")
    fields = {str(field["name"]) for field in page.select("form.target-form [name]")}
    assert {"name", "place", "kind"} <= fields
    assert ("secret" in fields) is (kind != "folder")
    assert not {"limit", "opens", "closes"} & fields
    assert [link.text for link in page.select(".filters a[aria-current]")] != []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TargetUnreachableError(place="X", reason="no route"), "X cannot be reached: no route."),
        (TargetRefusedError(place="X"), "X refuses this account."),
        (TargetUnprovenError(place="X", found="SHA256:f", expected="none"), "SHA256:f"),
        (NoBackupsThereError(place="X"), "There are no backups at X."),
        (
            TargetUnreadableError(place="X", account="cloister-offsite", owner="a:b"),
            "sudo chown -R a:b X",
        ),
    ],
)
async def test_a_place_that_does_not_do_is_said_beside_the_form_and_not_kept(
    holder: ConsoleBrowser,
    settings: Settings,
    operations: FakeOperations,
    database: Database,
    error: ApplianceError,
    words: str,
) -> None:
    def refuse(_: Facts) -> Facts:
        raise error

    operations.answers["offsite-1"] = refuse
    answer = await holder.post(PAGE, SFTP)
    page = await answer.text()
    assert answer.status >= 400
    assert words in page
    assert 'value="sftp://backup.test/cloister"' in page
    assert SECRET not in page
    assert list(settings.offsite.glob("*")) == []
    assert "backup_target.add" not in [row[1] for row in await audited(database)]


async def test_a_wrong_address_is_said_at_its_field(
    holder: ConsoleBrowser, operations: FakeOperations
) -> None:
    answer = await holder.post(PAGE, {**SFTP, "place": "ftp://x"})
    page = BeautifulSoup(await answer.text(), "html.parser")
    wrong = page.select_one("#error-place")
    assert answer.status == 422
    assert wrong is not None
    assert "sftp://" in wrong.text
    assert SECRET not in page.text
    assert operations.requests == []


async def test_a_wrong_key_is_said_and_another_place_can_be_chosen(
    holder: ConsoleBrowser, answers: FakeOperations
) -> None:
    def opens(request: Facts) -> Facts:
        if request["key"] != KEY.text:
            raise KeyUnknownError(found="x", expected="y")
        return {"repository": "ef" * 32, "snapshots": []}

    answers.answers["restore"] = opens
    wrong = await holder.post(f"{STEPS}/open", {"source": "0", "key": "wrong"})
    assert "belongs to another repository" in await wrong.text()
    expect_moved(await holder.post(f"{STEPS}/open", {"source": "0", "key": KEY.text}), STEPS)
    assert "This repository holds no set." in await holder.text(STEPS)
    expect_moved(await holder.post(f"{STEPS}/back"), STEPS)
    assert "1. Where from" in await holder.text(STEPS)


async def test_a_source_can_be_forgotten_and_a_target_of_copies_cannot(
    holder: ConsoleBrowser, settings: Settings
) -> None:
    keep_target(settings, target(1, restores_only=True))
    keep_target(settings, target(2, "safe"))
    page = await holder.text(STEPS)
    assert f"{PAGE}/1/remove" in page
    assert f"{PAGE}/2/remove" not in page
    for number in (1, 2):
        expect_moved(await holder.post(f"{PAGE}/{number}/remove"), STEPS)
    assert [path.name for path in settings.offsite.glob("*.json")] == ["2.json"]


async def test_there_is_room_for_so_many_places(holder: ConsoleBrowser, settings: Settings) -> None:
    for number in range(1, MOST_TARGETS + 1):
        keep_target(settings, target(number, restores_only=True))
    assert "Add another place" not in await holder.text(STEPS)
    assert "that is the most" in await (await holder.post(PAGE, FOLDER)).text()


async def test_strangers_add_and_forget_nothing(
    holder: ConsoleBrowser, nobody: ConsoleBrowser, settings: Settings, operations: FakeOperations
) -> None:
    keep_target(settings, target(1, restores_only=True))
    assert await holder.text(PAGE)
    assert (await nobody.get(PAGE)).status == 303
    for path in (PAGE, f"{PAGE}/1/remove"):
        answer = await nobody.post(path, FOLDER)
        assert (answer.status, answer.headers["Location"]) == (303, "/admin/backups")
    assert operations.requests == []
    assert len(list(settings.offsite.glob("*.json"))) == 1


async def test_the_claim_code_adds_no_target_of_copies(
    holder: ConsoleBrowser, settings: Settings
) -> None:
    assert (await holder.post(TARGETS, FOLDER)).status == 401
    assert list(settings.offsite.glob("*")) == []


async def test_an_operator_adds_a_source_and_the_page_says_what_it_is(
    as_olga: ConsoleBrowser, settings: Settings, answers: FakeOperations
) -> None:
    await as_olga.post("/admin/backups/restore")
    expect_moved(await as_olga.post(PAGE, FOLDER), f"{STEPS}?source=1")
    page = BeautifulSoup(await as_olga.text("/admin/backups"), "html.parser")
    card = page.select_one("#target-1")
    assert card is not None
    assert "nothing is copied there or removed" in card.text
    assert "Copy now" not in card.text
    assert "There is no copy elsewhere" in page.text
    form = await as_olga.text(f"{TARGETS}/1")
    assert "KiB a second" not in form
    expect_moved(await as_olga.post(f"{TARGETS}/1", {**FOLDER, "name": "x"}), "/admin/backups")
    assert json.loads((settings.offsite / "1.json").read_text())["restores_only"]


async def test_a_target_that_holds_other_backups_is_not_said_to_get_copies(
    as_olga: ConsoleBrowser, settings: Settings, operations: FakeOperations
) -> None:
    operations.answers["offsite-1"] = lambda _: {"holds": "other"}
    await as_olga.post(TARGETS, FOLDER)
    page = await as_olga.text("/admin/backups")
    assert "The next backup is copied there" not in page
    assert "holds the backups of another machine" in page
    assert "Use another folder or prefix for this machine." in page
    assert (settings.offsite / "1.json").exists()
