"""The certificate in a real browser, against a real Nginx: upload, trial, request, root."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.tls.model import facts_of
from appliance.tls.request import names_in
from tests.appliance import Appliance, home_folder, running_appliance
from tests.builders.certificates import PASSWORD as FILE_PASSWORD
from tests.builders.certificates import Issued, chained
from tests.e2e.browser import Window, window
from tests.e2e.visitor import PASSWORD

PAGE = "/admin/tls"
HOST = "box.example"
SIZES = ((1440, 900), (390, 844), (320, 640))
# No authority vouches for these certificates: the browser goes on, as an operator may.
TRUSTING: dict[str, Any] = {"ignore_https_errors": True}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def appliance(runner: str) -> Iterator[Appliance]:
    """An appliance that serves over TLS."""
    with (
        home_folder() as home,
        running_appliance(
            home, ollama=runner, CLOISTER_TLS="yes", CLOISTER_HOST_NAMES=HOST
        ) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def address(appliance: Appliance) -> str:
    return appliance.address.replace("http:", "https:", 1)


@pytest.fixture(scope="module")
def session(browser: Browser, appliance: Appliance, address: str) -> Any:
    with window(browser, address, **TRUSTING) as opened:
        page = opened.open(appliance.claim_link)
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("You sign in as").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Claim").click()
        expect(page.get_by_role("heading", name="Set up this machine")).to_be_visible()
        return page.context.storage_state()


@pytest.fixture
def desk(browser: Browser, address: str, session: Any) -> Iterator[Window]:
    with window(browser, address, storage_state=session, **TRUSTING) as opened:
        yield opened


def served(appliance: Appliance) -> str:
    """Return the fingerprint of what a new connection gets."""
    pem = ssl.get_server_certificate(("127.0.0.1", appliance.port))
    return facts_of(pem.encode()).fingerprint


def issued() -> Issued:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return chained(names=(HOST, "127.0.0.1"), starts=yesterday)


def fits_everywhere(window_: Window, name: str) -> None:
    """Look at the page on a desk, a telephone and the narrowest screen, by day and by night."""
    for width, height in SIZES:
        window_.page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            window_.page.emulate_media(color_scheme=scheme)
            window_.fits()
            window_.picture(f"{name}-{width}-{scheme}")
    window_.accessible()


def check(page: Page, file: Path, password: str = "") -> None:
    page.get_by_label("Certificate", exact=True).set_input_files(file)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Use this certificate?")).to_be_visible()


def test_an_upload_is_used_with_the_keyboard_and_confirmed(
    desk: Window, appliance: Appliance, tmp_path: Path
) -> None:
    file, wanted, before = tmp_path / "box.p12", issued(), served(appliance)
    file.write_bytes(wanted.pkcs12())
    page = desk.open(PAGE)
    fits_everywhere(desk, "tls")
    check(page, file, FILE_PASSWORD)
    fits_everywhere(desk, "tls-checked")
    assert served(appliance) == before
    desk.tab_to("Use it on trial")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Another certificate is on trial.")).to_be_visible()
    assert served(appliance) == facts_of(wanted.pem).fingerprint
    fits_everywhere(desk, "tls-trial")
    desk.tab_to("Confirm it")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The certificate is confirmed, and stays.")).to_be_visible()
    expect(page.get_by_text("Uploaded by an operator")).to_be_visible()


def test_a_question_shows_the_previous_one_and_its_trial_can_be_undone(
    desk: Window, appliance: Appliance, tmp_path: Path
) -> None:
    file = tmp_path / "box.pem"
    made = issued()
    file.write_bytes(made.chain_pem + made.key_pem)
    page = desk.open(PAGE)
    check(page, file)
    page.get_by_role("button", name="Use it on trial").click()
    page.get_by_role("button", name="Confirm it").click()
    expect(page.get_by_text("The certificate is confirmed, and stays.")).to_be_visible()
    opener = page.get_by_role("button", name="Roll back")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    desk.picture("tls-previous")
    dialog.get_by_role("button", name="Serve it").click()
    expect(page.get_by_text("Another certificate is on trial.")).to_be_visible()
    assert served(appliance) != facts_of(made.pem).fingerprint
    page.get_by_role("button", name="Undo it now").click()
    expect(page.get_by_text("The previous certificate is back.")).to_be_visible()
    assert served(appliance) == facts_of(made.pem).fingerprint


def test_a_request_is_made_and_downloaded(desk: Window) -> None:
    page = desk.open(PAGE)
    page.get_by_label("Names").fill(f"{HOST}\n*.{HOST}")
    page.get_by_role("button", name="Make a request").click()
    expect(page.get_by_text(f"for {HOST}, *.{HOST}")).to_be_visible()
    fits_everywhere(desk, "tls-request")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the request").click()
    assert names_in(download.value.path().read_bytes()) == (HOST, f"*.{HOST}")


def test_each_person_finds_the_root_and_the_steps(browser: Browser, address: str) -> None:
    with window(browser, address, **TRUSTING) as stranger:
        page = stranger.open(f"{PAGE}/root")
        for summary in page.locator("summary").all():
            summary.focus()
            page.keyboard.press("Enter")
        expect(page.get_by_text("update-ca-certificates")).to_be_visible()
        fits_everywhere(stranger, "tls-root")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download (.crt)").click()
        root = facts_of(download.value.path().read_bytes())
        expect(page.get_by_text(root.fingerprint)).to_be_visible()
        assert root.subject.startswith("Cloister of ")
