"""The whole guided set-up of a new machine in a real browser, on small and large screens."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.appliance import (
    Appliance,
    fake_ollama,
    home_folder,
    running_appliance,
    wait_until,
)
from tests.e2e.browser import Window, window
from tests.e2e.operations import give_fast_repository
from tests.e2e.visitor import PASSWORD, claimed, program

SETUP = "/admin/setup"
WIDTHS = (320, 390, 1440)
LONG = 60_000

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def appliance(runner: str) -> Iterator[Appliance]:
    """A new appliance whose repository opens fast."""
    with home_folder() as home:
        give_fast_repository(home)
        with running_appliance(home, ollama=runner) as started:
            yield started


def look_at(desk: Window, name: str) -> None:
    """Look at the page on each size of screen, light and dark."""
    for width in WIDTHS:
        desk.page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            desk.fits()
            desk.picture(f"set-up-{name}-{width}-{scheme}")
    desk.accessible()


def at(page: Page, number: int, title: str) -> None:
    """Wait for a step."""
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page.get_by_text(f"step {number} of")).to_be_visible()


def test_from_the_claim_to_a_cited_answer(
    browser: Browser, appliance: Appliance, session: Any
) -> None:
    with window(browser, appliance.address, storage_state=session) as desk:
        page = desk.open("/admin/setup")
        # The cards of the steps are links as a whole, and lie over nothing else.
        page.get_by_role("link", name="Go on", exact=True).click()
        at(page, 1, "New machine or restore")
        page = desk.open("/admin/")
        expect(page.get_by_role("heading", name="The set-up is not finished")).to_be_visible()
        look_at(desk, "overview")
        page.get_by_role("link", name="Go on with the set-up").click()
        at(page, 1, "New machine or restore")
        look_at(desk, "start")
        # By the keyboard alone.
        desk.tab_to("Use it as new")
        page.keyboard.press("Enter")
        at(page, 2, "Names")
        look_at(desk, "names")
        page.get_by_role("button", name="Save and go on").click()
        at(page, 3, "Certificate")
        look_at(desk, "tls")
        page.get_by_role("button", name="Go on").click()
        at(page, 4, "Operators")
        look_at(desk, "operators")

    # In another browser it goes on.
    with window(browser, appliance.address) as desk:
        page = desk.open("/admin/sign-in")
        page.get_by_label("Name", exact=False).first.fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Go on with the set-up").click()
        at(page, 4, "Operators")
        page.get_by_label("Their name").fill("Grace")
        page.get_by_label("Signs in as").fill("grace")
        page.get_by_role("button", name="Save and go on").click()
        expect(page.get_by_text("Send this link to Grace")).to_be_visible()
        assert "/password#" in page.locator("#invitation").inner_text()
        look_at(desk, "operators-link")
        page.get_by_role("link", name="Go on").click()
        at(page, 5, "Models")
        look_at(desk, "models")
        page.get_by_label("Writes the answers").select_option(index=0)
        page.get_by_role("button", name="Save and go on").click()
        at(page, 6, "Backups")
        look_at(desk, "backups")
        _prove_the_key(desk)
        page.get_by_label("Nightly backup").fill("03:15")
        page.get_by_role("button", name="Save and go on").click()
        at(page, 7, "Check")
        look_at(desk, "check")
        page.get_by_role("button", name="Run the check").click()
        expect(page.get_by_role("heading", name="It works")).to_be_visible(timeout=LONG)
        expect(page.get_by_text("What is the ferry of the set-up check")).to_be_visible()
        expect(page.locator(".setup-answer q")).to_contain_text("is called")
        look_at(desk, "check-done")
        page.get_by_role("link", name="Go on").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.get_by_role("heading", name="The set-up is not finished")).to_be_hidden()
        # Nothing of the check is left.
        page = desk.open("/library")
        expect(page.get_by_text("Set-up check")).to_be_hidden()
        page = desk.open(SETUP)
        expect(page.get_by_text("The set-up is finished.")).to_be_visible()
        look_at(desk, "list")
    assert appliance.cli("api-key", "list", "--user", "ada") == []


def _prove_the_key(desk: Window) -> None:
    page = desk.page
    page.get_by_role("link", name="Make the recovery key").click()
    page.get_by_role("button", name="Make the key").click()
    key = re.sub(r"\s+", "-", page.locator(".sheet__key").inner_text(timeout=LONG).strip())
    page.get_by_role("link", name="I have it: type it back").click()
    page.get_by_label("Recovery key").fill(key)
    page.get_by_role("button", name="Prove it").click()
    at(page, 6, "Backups")
    expect(page.get_by_text("was proved")).to_be_visible(timeout=LONG)


def test_after_a_killed_supervisor_the_check_begins_again_and_nothing_stays(
    home: Path, runner: str
) -> None:
    with (
        fake_ollama(first_token_delay=120.0) as slow,
        running_appliance(home, ollama=slow) as first,
        claimed(first),
    ):
        job = first.cli("job", "start", "setup_check")["id"]
        wait_until(
            lambda: "question" in first.cli("job", "show", job)["progress"]["sentence"],
            "the question to be asked",
        )
        with program(first) as client:
            (left,) = client.http.get("/api/documents").json()["documents"]
            assert left["file"].startswith("Set-up check")
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(10)
        with running_appliance(home, port=first.port, ollama=runner) as second:
            wait_until(
                lambda: second.cli("job", "show", job)["state"] == "done", "the check to end", 60
            )
            with program(second) as client:
                assert client.http.get("/api/documents").json()["total"] == 0
            names = [key["name"] for key in second.cli("api-key", "list")]
            assert names == ["end to end"] * 2
