"""A change on trial in the console: the banner, the page behind the token, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from admin import keys
from appliance.core.start_settings import read_values, texts_of
from appliance.supervisor.model import Phase, UnitView
from appliance.trial.model import Trial, TrialKind
from appliance.trial.service import Trials
from tests.fakes.units import READY, FakeUnits
from tests.http.console.conftest import ConsoleBrowser, Open, Site, actions

PATH = "/admin/settings"


def fields_of(page: str) -> dict[str, str]:
    soup = BeautifulSoup(page, "html.parser")
    form = soup.select_one("form.settings")
    assert form is not None
    found = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]")}
    found.pop("csrf")
    return found | {"backup_models": "no"}


@pytest.fixture
def trials(site: Site) -> Trials:
    return site.app[keys.TRIALS]


@pytest.fixture
def restarted(site: Site) -> Callable[[], None]:
    """Do as if the supervisor had restarted since the change."""
    return site.app[keys.START].restart.clear


@pytest.fixture
async def trial(as_olga: ConsoleBrowser, trials: Trials) -> Trial:
    answer = await as_olga.post(PATH, fields_of(await as_olga.text(PATH)) | {"web_port": "9000"})
    page = await answer.text()
    assert answer.status == 200, page
    found = trials.current()
    assert found is not None
    links = re.findall(r'href="(http://[^"]+/admin/trial\?token=[^"]+)"', page)
    assert links[0] == f"http://127.0.0.1:9001/admin/trial?token={found.token}"
    return found


def page_of(trial: Trial) -> str:
    return f"/admin/trial?token={trial.token}"


async def test_pages_of_the_console_show_what_is_on_trial(
    as_olga: ConsoleBrowser, trial: Trial
) -> None:
    page = await as_olga.text("/admin/people")
    assert "A change is on trial. It is undone in" in page
    assert page_of(trial) in page
    await as_olga.post("/admin/sign-out")
    assert trial.token not in await as_olga.text("/admin/sign-in")


async def test_a_browser_without_a_session_confirms_by_the_token(
    site: Site, open_browser: Open, trial: Trial, trials: Trials, restarted: Callable[[], None]
) -> None:
    restarted()
    browser = open_browser(site)
    page = await browser.text(page_of(trial))
    assert "You reach this machine" in page
    answer = await browser.post("/admin/trial", {"token": trial.token, "action": "confirm"})
    assert (answer.status, answer.headers["Location"]) == (303, PATH)
    assert trials.current() is None
    assert "Not on trial" in await browser.text(page_of(trial), 410)


async def test_to_reach_the_machine_before_it_has_the_change_proves_nothing(
    as_olga: ConsoleBrowser, trial: Trial, trials: Trials
) -> None:
    assert "One moment" in await as_olga.text(page_of(trial))
    answer = await as_olga.post("/admin/trial", {"token": trial.token, "action": "confirm"})
    assert answer.status == 409
    assert trials.current() == trial


class TestBehindNginx:
    @pytest.fixture
    def front(self) -> UnitView:
        return replace(READY, name="nginx", phase=Phase.STARTING)

    @pytest.fixture
    def units(self, front: UnitView) -> FakeUnits:
        return FakeUnits((READY, front))

    async def test_the_web_server_has_to_be_back_with_the_change(
        self,
        as_olga: ConsoleBrowser,
        trial: Trial,
        units: FakeUnits,
        front: UnitView,
        restarted: Callable[[], None],
    ) -> None:
        restarted()
        assert "One moment" in await as_olga.text(page_of(trial))
        units.change(front.name, Phase.READY, "serves")
        assert "You reach this machine" in await as_olga.text(page_of(trial))


async def test_the_holder_of_the_token_undoes_it_at_once(
    site: Site, as_olga: ConsoleBrowser, trial: Trial, trials: Trials
) -> None:
    file = site.app[keys.SETTINGS].start_file
    assert texts_of(read_values(file)) == {"CLOISTER_PORT": "9000"}
    answer = await as_olga.post("/admin/trial", {"token": trial.token, "action": "undo"})
    assert (answer.status, answer.headers["Location"]) == (303, PATH)
    assert trials.current() is None
    assert texts_of(read_values(file)) == {}


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_another_token_does_nothing(
    as_olga: ConsoleBrowser, trial: Trial, trials: Trials, token: str
) -> None:
    assert "Not on trial" in await as_olga.text(f"/admin/trial?token={token}", 410)
    for action in ("confirm", "undo"):
        answer = await as_olga.post("/admin/trial", {"token": token, "action": action})
        assert answer.status == 410
    assert trials.current() == trial


async def test_the_trial_of_a_certificate_needs_no_restart(
    site: Site, open_browser: Open, trials: Trials
) -> None:
    trial = await trials.begin(TrialKind.CERTIFICATE, {})
    assert "You reach this machine" in await open_browser(site).text(page_of(trial))


async def test_two_operators_see_each_others_changes(as_olga: ConsoleBrowser, site: Site) -> None:
    first = second = fields_of(await as_olga.text(PATH))
    answer = await as_olga.post(PATH, first | {"banner_text": "Closed tonight"})
    assert answer.status == 303
    # Another field: nothing stands in the way, and nothing is overwritten.
    assert (await as_olga.post(PATH, second | {"job_days": "5"})).status == 303
    found = {each.entry.name: each.value for each in await site.app[keys.OPERATOR_SETTINGS].all()}
    assert (found["banner_text"], found["job_days"]) == ("Closed tonight", 5)
    # The same field: the second one reads what it has now, and may still decide.
    answer = await as_olga.post(PATH, second | {"banner_text": "Open"})
    page = await answer.text()
    assert answer.status == 409
    assert "“Banner” was changed meanwhile by olga; it is now “Closed tonight”." in page
    retried = fields_of(page)
    assert retried["banner_text"] == "Open"
    assert (await as_olga.post(PATH, retried)).status == 303
    assert (await site.app[keys.OPERATOR_SETTINGS].get("banner_text")).value == "Open"


async def test_a_field_says_what_a_change_of_it_restarts(as_olga: ConsoleBrowser) -> None:
    soup = BeautifulSoup(await as_olga.text(PATH), "html.parser")
    said = {each["id"]: each.get_text(" ", strip=True) for each in soup.select("[id^=facts-]")}
    assert "A change restarts all services" in said["facts-chat_processes"]
    assert "A change is on trial for a minute" in said["facts-web_port"]
    assert "restarts" not in said["facts-banner_text"]


async def test_both_sites_show_the_banner_as_text(
    as_olga: ConsoleBrowser, site: Site, open_browser: Open
) -> None:
    await as_olga.post(PATH, fields_of(await as_olga.text(PATH)) | {"banner_text": "<b>Closed</b>"})
    await site.app[keys.LIVE].load()
    page = await open_browser(site).text("/admin/sign-in")
    assert '<p class="notice" role="note">&lt;b&gt;Closed&lt;/b&gt;</p>' in page


async def test_a_trial_that_is_begun_is_not_in_the_audit_until_it_is_confirmed(
    as_olga: ConsoleBrowser, trial: Trial, trials: Trials, site: Site
) -> None:
    database = site.app[keys.OPERATOR_SETTINGS]._database
    assert "setting.change" not in await actions(database)
    await trials.confirm(trial.token)
    assert (await actions(database))[-1] == "setting.change"
