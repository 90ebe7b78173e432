"""The set-up of a machine that serves over TLS: what is compared, changed and asked there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.appliance import Appliance, home_folder, running_appliance
from tests.builders.served_certificates import uploaded
from tests.e2e.browser import Window, window
from tests.e2e.visitor import PASSWORD

STEP = "/admin/setup/tls"
HOST = "box.example"
LONG = 60_000

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """An appliance that serves over TLS; no model is needed."""
    with (
        home_folder() as folder,
        running_appliance(folder, CLOISTER_TLS="yes", CLOISTER_HOST=HOST) as started,
    ):
        yield started


@pytest.fixture
def desk(browser: Browser, appliance: Appliance) -> Iterator[Window]:
    """A browser whose owner has compared the fingerprint."""
    with window(browser, appliance.address, ignore_https_errors=True) as opened:
        yield opened


def test_from_the_fingerprint_to_an_answer_over_tls(desk: Window, appliance: Appliance) -> None:
    printed = appliance.cli("claim")
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", printed["fingerprint"])
    assert printed["fingerprint"] in appliance.run_cli("claim").stdout
    printed = appliance.cli("claim")
    page = desk.open(printed["link"])
    expect(page.locator(".fingerprint")).to_have_text(printed["fingerprint"])
    for width in (320, 390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        desk.fits()
        desk.picture(f"claim-tls-{width}")
    desk.accessible()
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("You sign in as").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_role("heading", name="Set up this machine")).to_be_visible()

    page = desk.open(STEP)
    expect(page.get_by_text(printed["fingerprint"])).to_be_visible()
    for width in (320, 390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        desk.fits()
        desk.picture(f"set-up-tls-{width}")
    desk.accessible()
    expect(page.get_by_role("link", name="Use another one")).to_be_visible()
    other, folder = uploaded(HOST), appliance.home.parent
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(other.chain_pem)
    key.write_bytes(other.key_pem)
    for path in (certificate, key):
        path.chmod(0o644)
    assert appliance.cli("tls", "use", str(certificate), "--key", str(key))["trial"]
    page = desk.open(STEP)
    expect(page.get_by_text("The certificate is on trial.")).to_be_visible()
    desk.picture("set-up-tls-trial")
    page.get_by_role("button", name="Keep it and go on").click()
    expect(page.get_by_role("heading", name="Operators")).to_be_visible()
    assert appliance.cli("tls", "show")["trial"] is None
    assert appliance.cli("tls", "show")["served"]["origin"] == "uploaded"

    # People open another name than the one that this certificate has.
    page = desk.open("/admin/setup/check")
    page.get_by_role("button", name="Run the check").click()
    expect(page.get_by_role("alert")).to_contain_text("certificate verify failed", timeout=LONG)
    assert appliance.cli("tls", "rollback")["changed"]
    assert appliance.cli("tls", "confirm")["confirmed"]
    page.get_by_role("button", name="Run the check again").click()
    expect(page.get_by_role("heading", name="It works")).to_be_visible(timeout=LONG)
    expect(page.locator(".setup-answer .mono")).to_contain_text("https://")
    assert appliance.cli("api-key", "list") == []
