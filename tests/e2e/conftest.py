"""One appliance for the tests of a module, with its model runner, operator and browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.appliance import Appliance, fake_ollama, home_folder, running_appliance
from tests.e2e.browser import PHONE, Window, chromium, window
from tests.e2e.visitor import PASSWORD, Program, Visitor, claimed, program


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that does not exist yet, for the data of one test's own appliance."""
    with home_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def runner() -> Iterator[str]:
    """The address of the fake model runner."""
    with fake_ollama() as address:
        yield address


@pytest.fixture(scope="module")
def appliance(runner: str) -> Iterator[Appliance]:
    """A running appliance that the tests of a module share."""
    with home_folder() as folder, running_appliance(folder, ollama=runner) as started:
        yield started


@pytest.fixture(scope="module")
def operator(appliance: Appliance) -> Iterator[Visitor]:
    """The operator, who has claimed the appliance and is signed in."""
    with claimed(appliance) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def client(appliance: Appliance, operator: Visitor) -> Iterator[Program]:
    """A program with a key that has every scope."""
    with program(appliance) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def session(browser: Browser, appliance: Appliance) -> Any:
    """What the browser of the operator remembers, who has just opened the claim link."""
    with window(browser, appliance.address) as opened:
        # The link may be opened where the page is shown already.
        opened.open("/")
        page = opened.open(appliance.claim_link)
        expect(page.get_by_label("Your name")).to_be_visible()
        expect(page.get_by_label("Claim code")).to_be_hidden()
        page.get_by_text("Restore a backup instead").click()
        expect(page.get_by_role("button", name="Restore a backup")).to_be_visible()
        expect(page.get_by_label("Code of the claim link")).to_be_hidden()
        assert "#" not in page.url, "the code stays in the address"
        opened.accessible()
        opened.picture("claim")
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("You sign in as").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Claim").click()
        expect(page.get_by_role("heading", name="Set up this machine")).to_be_visible()
        opened.picture("set-up")
        return page.context.storage_state()


@pytest.fixture
def desk(browser: Browser, appliance: Appliance, session: Any) -> Iterator[Window]:
    """The operator's window."""
    with window(browser, appliance.address, storage_state=session) as opened:
        yield opened


@pytest.fixture
def phone(browser: Browser, appliance: Appliance, session: Any) -> Iterator[Window]:
    """The operator's telephone."""
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with window(browser, appliance.address, storage_state=session, **options) as opened:
        yield opened
