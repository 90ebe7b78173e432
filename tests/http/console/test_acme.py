"""The page of ACME: what is set up, how it went, and terms that are accepted by their address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup

from appliance.acme.errors import ServerAwayError, TermsNotAcceptedError
from appliance.acme.model import AcmePlan, AcmeState, NameFailure, Refusal
from appliance.acme.records import AcmeRecords
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.operations.model import Facts
from tests.fakes.operations import FakeOperations
from tests.http.console.conftest import ConsoleBrowser, actions, location

PAGE = "/admin/tls/acme"
DIRECTORY, TERMS = "https://ca.example/dir", "https://ca.example/terms"
PLAN = AcmePlan(directory=DIRECTORY, terms=TERMS, names=("chat.example",))
SECRET = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
FORM = {"directory": DIRECTORY, "challenge": "http-01", "names": "chat.example"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A clone that serves over TLS."""
    return replace(settings, with_tls=True)


@pytest.fixture
def records(settings: Settings) -> AcmeRecords:
    return AcmeRecords(settings.state)


def requires_terms(request: Facts) -> Facts:
    if request["work"] == "register" and request["terms"] != TERMS:
        raise TermsNotAcceptedError(place=DIRECTORY, terms=TERMS)
    return {}


@pytest.fixture
def authority(operations: FakeOperations) -> Callable[[], list[Facts]]:
    """An authority that has terms; return what it was asked."""
    operations.answers["acme"] = requires_terms
    return lambda: operations.asked("acme")


async def test_before_the_set_up_it_offers_lets_encrypt(as_olga: ConsoleBrowser) -> None:
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    directory = page.select_one("input[name=directory]")
    assert directory is not None
    assert "letsencrypt.org" in str(directory["value"])
    assert not page.select("#now")
    assert PAGE in await as_olga.text("/admin/tls")


async def test_terms_are_shown_before_they_are_accepted(
    as_olga: ConsoleBrowser,
    authority: Callable[[], list[Facts]],
    records: AcmeRecords,
    database: Database,
) -> None:
    answer = await as_olga.post(PAGE, {**FORM, "key_id": "one", "secret": SECRET})
    page = BeautifulSoup(await answer.text(), "html.parser")
    hidden = page.select_one("input[name=terms]")
    assert hidden is not None
    assert hidden["value"] == TERMS
    assert page.select_one("input[name=accepts][required]") is not None
    assert TERMS in page.text
    assert SECRET not in str(page)
    assert records.plan() is None
    # The address alone is no agreement.
    await as_olga.post(PAGE, {**FORM, "terms": TERMS})
    assert records.plan() is None
    answer = await as_olga.post(PAGE, {**FORM, "terms": TERMS, "accepts": "yes"})
    assert answer.status == 303
    plan = records.plan()
    assert plan is not None
    assert (plan.terms, plan.names) == (TERMS, ("chat.example",))
    [job] = await JobService(database, SystemClock()).jobs()
    assert location(answer).path == f"/admin/jobs/{job.id}"
    assert job.kind == "acme"
    assert "acme.use" in await actions(database)


async def test_the_key_of_a_customer_is_sent_once(
    as_olga: ConsoleBrowser, authority: Callable[[], list[Facts]], settings: Settings
) -> None:
    typed = {**FORM, "terms": TERMS, "accepts": "yes", "key_id": "one", "secret": SECRET}
    assert (await as_olga.post(PAGE, typed)).status == 303
    [asked] = authority()
    assert asked["binding"] == {"key_id": "one", "secret": SECRET}
    files = [path for path in settings.state.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET in path.read_text()]


async def test_wrong_fields_are_marked_and_nothing_is_asked(
    as_olga: ConsoleBrowser, authority: Callable[[], list[Facts]], records: AcmeRecords
) -> None:
    answer = await as_olga.post(PAGE, {**FORM, "directory": "http://x", "names": "<b>"})
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 422
    for name in ("directory", "names"):
        assert page.find(id=f"error-{name}") is not None
    assert "“<b>” is neither" in page.text
    assert authority() == []
    assert records.plan() is None


async def test_what_an_authority_says_is_above_the_form(
    as_olga: ConsoleBrowser, operations: FakeOperations, records: AcmeRecords
) -> None:
    def away(_: Facts) -> Facts:
        raise ServerAwayError(place=DIRECTORY, reason="Connection refused")

    operations.answers["acme"] = away
    answer = await as_olga.post(PAGE, FORM)
    page = await answer.text()
    assert answer.status == 502
    assert "cannot be reached: Connection refused." in page
    assert 'value="https://ca.example/dir"' in page
    assert records.plan() is None


async def test_it_shows_the_last_and_the_next_run(
    as_olga: ConsoleBrowser, records: AcmeRecords
) -> None:
    now = SystemClock().now()
    records.keep_plan(PLAN)
    records.keep_state(
        AcmeState(
            tried_at=now,
            names=("chat.example",),
            wanted=("chat.example",),
            not_after=now + timedelta(days=90),
            renew_at=now + timedelta(days=60),
        )
    )
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    assert page.select_one("#now") is not None
    assert DIRECTORY in page.text
    assert "for chat.example, until" in page.text
    assert len(page.select("dl.facts time")) == 3


async def test_a_failed_run_and_failed_names_are_said_in_their_words(
    as_olga: ConsoleBrowser, records: AcmeRecords
) -> None:
    records.keep_plan(PLAN)
    failed = (NameFailure("chat.example", Refusal.DNS, "<NXDOMAIN>"),)
    records.keep_state(AcmeState(failed=failed, new_terms="https://ca.example/terms-2"))
    page = await as_olga.text(PAGE)
    assert "cannot find out where chat.example leads (&lt;NXDOMAIN&gt;)" in page
    assert "other terms now: https://ca.example/terms-2" in page
    overview = await as_olga.text("/admin/")
    assert "cannot find out where chat.example leads" in overview
    assert PAGE in overview
    records.keep_state(AcmeState(error="acme_server_away", message="It is away.", hint="Wait."))
    assert "It is away." in await as_olga.text(PAGE)


async def test_a_person_may_ask_now(as_olga: ConsoleBrowser, database: Database) -> None:
    answer = await as_olga.post(f"{PAGE}/renew", {})
    [job] = await JobService(database, SystemClock()).jobs()
    assert location(answer).path == f"/admin/jobs/{job.id}"
    again = await as_olga.post(f"{PAGE}/renew", {})
    assert location(again).path == PAGE
    assert "is queued or running already" in await as_olga.text(PAGE)


async def test_it_can_be_switched_off(
    as_olga: ConsoleBrowser,
    authority: Callable[[], list[Facts]],
    records: AcmeRecords,
    database: Database,
) -> None:
    records.keep_plan(PLAN)
    assert (await as_olga.post(f"{PAGE}/off", {})).status == 303
    assert [asked["work"] for asked in authority()] == ["forget"]
    assert records.plan() is None
    assert "acme.off" in await actions(database)
    await as_olga.post(f"{PAGE}/off", {})
    assert "gets no certificates by ACME" in await as_olga.text(PAGE)


async def test_a_program_for_records_is_found_by_its_name(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    settings.acme_hooks.mkdir(parents=True)
    (settings.acme_hooks / "publish-here").touch()
    page = await as_olga.text(PAGE)
    assert "publish-here" in page
    assert str(settings.acme_hooks) in page
