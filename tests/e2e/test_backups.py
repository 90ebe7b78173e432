"""Backups in a real browser: make and prove them, copy, restore, undo, keep, and parts of a set."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from admin.qr_code import qr_code
from appliance.repository.recovery_key import RecoveryKey
from tests.appliance import Appliance, home_folder, running_appliance
from tests.builders import documents
from tests.e2e.answers import last_answer, wait_until_complete
from tests.e2e.browser import Window, window
from tests.e2e.operations import give_fast_repository
from tests.e2e.visitor import PASSWORD

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
PAGE = "/admin/backups"
RESTORABLE = re.compile(r"Restorable as of .*, verified, took")
LONG = 60_000
# It takes no room on the disk, and far longer to read than a test lasts.
HUGE = 2**38

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def disk() -> Iterator[Path | None]:
    """A folder where disks are mounted, which the appliance may use; only root can make one."""
    if os.geteuid() != 0:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="cloister-disk-", dir="/srv"))
    shutil.chown(folder, "cloister", "cloister")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def appliance(runner: str) -> Iterator[Appliance]:
    """A new appliance whose repository opens fast."""
    with home_folder() as home:
        give_fast_repository(home)
        with running_appliance(home, ollama=runner) as started:
            yield started


@pytest.fixture(scope="module")
def saved(
    browser: Browser, appliance: Appliance, session: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A document, a conversation about it, and a set with both that a trial has restored."""
    file = tmp_path_factory.mktemp("shelf") / "towers.pdf"
    with window(browser, appliance.address, storage_state=session) as desk:
        page = desk.open("/library")
        page.get_by_label("Documents to add").set_input_files(
            documents.pdf(file, ["A chronicle of the towers and the walls.", BELL])
        )
        expect(_document(page)).to_contain_text("ready", timeout=30_000)
        _ask(desk)
        page = desk.open(PAGE)
        expect(page.get_by_role("heading", name="Nothing is backed up yet")).to_be_visible()
        page.get_by_role("button", name="Back up now").click()
        _wait_for_job(page, "done")
        expect(page.get_by_text(re.compile(r"A set of .+ is written, in \d+ s"))).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("Saving the files.")
        desk.picture("backups-job")
        page = desk.open(PAGE)
        expect(page.get_by_role("heading", name=RESTORABLE)).to_be_visible(timeout=LONG)


@pytest.mark.usefixtures("saved")
def test_the_whole_way_of_a_backup_and_back(
    browser: Browser, appliance: Appliance, session: Any, disk: Path | None
) -> None:
    with window(browser, appliance.address, storage_state=session) as desk:
        _make_and_prove_the_key(desk)
        page = desk.open(PAGE)
        page.get_by_role("button", name="Verify now").click()
        _wait_for_job(page, "done")
        expect(page.get_by_text("Restored and compared")).to_be_visible()
        if disk is not None:
            _copy_to(desk, disk)
        _delete_all(desk)

        _restore_everything(desk)
        desk.page.get_by_role("link", name="Open the console").click()
        _sign_in(desk.page)
        _expect_all(desk, is_there=True)
        _ask(desk)

        page = desk.open(PAGE)
        expect(page.get_by_text("A restore waits for your decision.")).to_be_visible()
        page.get_by_role("button", name="Undo the restore").click()
        expect(page.get_by_text("The restore is undone")).to_be_visible(timeout=LONG)
        page.get_by_role("link", name="Open the console").click()
        _sign_in(page)
        _expect_all(desk, is_there=False)

        _restore_everything(desk)
        desk.page.get_by_role("button", name="Keep it").click()
        expect(desk.page.locator("#toasts")).to_contain_text("The restored state is kept")
        desk.open("/admin/sign-in")
        _sign_in(desk.page)
        _expect_all(desk, is_there=True)
        page = desk.open(PAGE)
        expect(page.get_by_role("heading", name=RESTORABLE)).to_be_visible()
        expect(page.get_by_text("A restore waits for your decision.")).to_have_count(0)


@pytest.mark.usefixtures("saved")
def test_parts_come_back_a_backup_is_cancelled_and_damage_is_shown(
    browser: Browser, appliance: Appliance
) -> None:
    with window(browser, appliance.address) as desk:
        desk.open("/admin/sign-in")
        _sign_in(desk.page)
        _delete_all(desk)
        _choose(desk, "One document", "towers.pdf")
        _confirm(desk.page)
        expect(desk.page.get_by_text("1 document was missing, and is read again.")).to_be_visible(
            timeout=LONG
        )
        _choose(desk, "The conversations of one person", "ada")
        _confirm(desk.page)
        expect(desk.page.get_by_text("1 conversation is back.")).to_be_visible(timeout=LONG)
        _expect_all(desk, is_there=True)
        _ask(desk)

        with (appliance.home / "documents" / "huge").open("wb") as file:
            file.truncate(HUGE)
        page = desk.open(PAGE)
        page.get_by_role("button", name="Back up now").click()
        speed = re.compile(r"Saving: .+ of 256 GB, .+ a second, .+ left\.")
        expect(page.get_by_text(speed)).to_be_visible(timeout=LONG)
        desk.picture("backups-job-running")
        page.get_by_role("button", name="Cancel the job").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
        _wait_for_job(page, "cancelled")
        Path(file.name).unlink()

        _damage(appliance.home / "repository")
        page = desk.open("/admin/jobs")
        page.locator("#kind-verify_backups").get_by_role("button").click()
        _wait_for_job(page, "failed")
        desk.open(PAGE)
        damaged = page.get_by_role("heading", name="Files of the backups are damaged")
        expect(damaged).to_be_visible()


def _make_and_prove_the_key(desk: Window) -> None:
    page = desk.open(f"{PAGE}/key")
    page.get_by_role("button", name="Make the key").click()
    key = RecoveryKey.parse(page.locator(".sheet__key").inner_text())
    assert f'd="{page.locator(".sheet__code path").first.get_attribute("d")}"' in qr_code(key.text)
    desk.accessible()
    desk.picture("backups-sheet")
    page.get_by_role("link", name="I have it: type it back").click()
    other = "A" if key.text[0] != "A" else "B"
    page.get_by_label("Recovery key").fill(other + key.text[1:])
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_role("alert")).to_contain_text("at least one character is wrong")
    # The browser itself says that this answer is no success.
    assert [problem for problem in desk.problems if "400 (Bad Request)" not in problem] == []
    desk.problems.clear()
    page.get_by_label("Recovery key").fill(key.text.lower().replace("-", " "))
    page.get_by_role("button", name="Prove it").click()
    expect(page.locator("#toasts")).to_contain_text("opened the backups", timeout=LONG)


def _copy_to(desk: Window, disk: Path) -> None:
    page = desk.page
    desk.open(PAGE)
    page.get_by_role("link", name="Add a target").click()
    page.get_by_label("Name").fill("disk in the safe")
    page.get_by_label("Folder").fill(str(disk))
    page.get_by_role("button", name="Try it and keep it").click()
    card = page.locator("#target-1")
    expect(card).to_contain_text("not protected against deletion")
    # The schedule may have begun the copy already.
    card.get_by_role("button", name="Copy now").click()
    desk.open(PAGE)
    expect(card).to_contain_text("Whole as of", timeout=LONG)
    assert list((disk / "snapshots").iterdir())


def _restore_everything(desk: Window) -> None:
    _choose(desk, "Everything: the machine is as it was then")
    page = desk.page
    expect(page.get_by_text("has 1 document, 1 conversation and 1 person")).to_be_visible()
    _confirm(page)
    expect(page.get_by_text("Everything is restored.")).to_be_visible(timeout=LONG)


def _choose(desk: Window, what: str, subject: str = "") -> None:
    """Take the steps of a restore up to its confirmation, for the newest set that was tried."""
    page = desk.open(PAGE)
    page.get_by_role("button", name="Restore …").click()
    page.get_by_role("button", name="Show the sets").click()
    tried = page.get_by_role("row").filter(has_text="verified").get_by_role("radio")
    tried.first.check(timeout=LONG)
    page.get_by_label(what).check()
    page.get_by_label("Which document, or whose conversations").fill(subject)
    page.get_by_role("button", name="See what would change").click()


def _confirm(page: Page) -> None:
    """Begin the restore; while a save in between works, it is refused."""
    refused = page.get_by_text("A backup is being made at this moment")
    field = page.get_by_label("Type RESTORE to begin")
    while True:
        field.fill("RESTORE", timeout=LONG)
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(refused.or_(page.get_by_text("You may close this page"))).to_be_visible()
        if not refused.is_visible():
            return


def _delete_all(desk: Window) -> None:
    page = desk.open("/library")
    _document(page).get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(_document(page)).to_have_count(0)
    conversations = _conversations(desk.open("/"))
    while conversations.count():
        conversations.first.click()
        page.get_by_role("button", name="Delete").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.wait_for_url(re.compile(r"/$"))


def _expect_all(desk: Window, *, is_there: bool) -> None:
    page = desk.open("/library")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    if is_there:
        expect(_document(page)).to_contain_text("ready", timeout=30_000)
    else:
        expect(_document(page)).to_have_count(0)
    desk.open("/")
    expect(page.get_by_label("Your question")).to_be_visible()
    expect(_conversations(page)).to_have_count(1 if is_there else 0)


def _document(page: Page) -> Any:
    return page.get_by_role("row").filter(has_text="towers.pdf")


def _conversations(page: Page) -> Any:
    return page.get_by_role("navigation", name="Conversations").get_by_role("link", name=QUESTION)


def _ask(desk: Window) -> None:
    """Ask, and see that the answer cites the page of the document."""
    page = desk.open("/")
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/*")
    wait_until_complete(page)
    last_answer(page).locator(".sources a").first.click()
    expect(page.locator("#source mark")).to_contain_text("cast in 1742")


def _sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label(re.compile("Account menu"))).to_be_visible()


def _wait_for_job(page: Page, state: str) -> None:
    page.wait_for_url(re.compile(r"/admin/jobs/.+"))
    expect(page.locator(".facts .badge")).to_have_text(state, timeout=LONG)


def _damage(repository: Path) -> None:
    """Change a byte in the middle of the largest file of the repository."""
    packs = [path for path in (repository / "data").rglob("*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes((byte ^ 0xFF,)))
