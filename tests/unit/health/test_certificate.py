"""What the checks say of a certificate, as its end comes nearer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.health.checks.certificate import (
    CertificateState,
    ask_certificate,
    evaluate_certificate,
)
from appliance.health.model import CheckState
from appliance.health.remedies import OpenAcme, RestartService, RunCommand, StartJob
from appliance.tls.errors import NotServedError
from appliance.tls.model import CertificateFacts, Origin, facts_of
from appliance.tls.renewal import RenewalFailure, forget_failure, note_failure, read_failure
from tests.builders.certificates import certificate
from tests.builders.served_certificates import keep_own
from tests.fakes.clock import START

# Each run makes another certificate, and the names of tests must not differ between processes.
FACTS: CertificateFacts = replace(facts_of(certificate(days=400).pem), fingerprint="AA:11:22")
SERVED = CertificateState(Origin.UPLOADED, FACTS, FACTS.fingerprint)
FAILURE = RenewalFailure(START, "the disk is full.", "Free room.")


def left(**time: float) -> CertificateState:
    start, end = START - timedelta(days=200), START + timedelta(**time)
    return replace(SERVED, facts=replace(FACTS, not_before=start, not_after=end))


@pytest.mark.parametrize(
    ("time", "state", "is_ready", "words"),
    [
        ({"days": 31}, CheckState.OK, True, FACTS.fingerprint),
        ({"days": 30}, CheckState.WARNING, True, "in 30 days"),
        ({"days": 14}, CheckState.WARNING, True, "in 14 days"),
        ({"days": 7}, CheckState.WARNING, False, "in 7 days"),
        ({"days": 1, "seconds": 1}, CheckState.WARNING, False, "in 1 day,"),
        ({"days": 1}, CheckState.FAILED, False, "in 1 day,"),
        ({"hours": 5}, CheckState.FAILED, False, "in less than a day"),
        ({"seconds": 0}, CheckState.FAILED, False, "expired on 2026-03-01"),
        ({"days": -9}, CheckState.FAILED, False, "expired"),
    ],
)
def test_the_end_is_a_fault_long_before_it_comes(
    time: dict[str, float], state: CheckState, is_ready: bool, words: str
) -> None:
    result = evaluate_certificate(left(**time), START)
    assert (result.state, result.is_ready) == (state, is_ready)
    assert words in result.sentence


def test_the_hint_of_the_last_fortnight_is_more_urgent() -> None:
    assert (
        evaluate_certificate(left(days=14), START).hint
        != evaluate_certificate(left(days=15), START).hint
    )


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        (Origin.UPLOADED, RunCommand("cloister tls use FILE")),
        (Origin.REQUESTED, RunCommand("cloister tls use FILE")),
        (Origin.OWN_AUTHORITY, StartJob("certificate")),
        (Origin.ACME, OpenAcme()),
    ],
)
def test_what_to_do_depends_on_where_it_comes_from(origin: Origin, remedy: object) -> None:
    assert evaluate_certificate(replace(left(days=5), origin=origin), START).remedy == remedy


@pytest.mark.parametrize(("lifetime", "left_days"), [(90, 28), (6, 1.8)])
def test_what_an_authority_renews_in_time_is_no_fault(lifetime: int, left_days: float) -> None:
    ends = START + timedelta(days=left_days)
    facts = replace(FACTS, not_before=ends - timedelta(days=lifetime), not_after=ends)
    state = replace(SERVED, origin=Origin.ACME, facts=facts)
    assert evaluate_certificate(state, START).state is CheckState.OK
    assert evaluate_certificate(state, ends - timedelta(hours=6)).state is CheckState.FAILED


def test_a_renewal_that_failed_is_shown_at_once() -> None:
    result = evaluate_certificate(replace(left(days=200), failure=FAILURE), START)
    assert (result.state, result.is_ready) == (CheckState.WARNING, False)
    assert "the disk is full" in result.sentence
    # In the last week the end itself matters more.
    ending = evaluate_certificate(replace(left(days=3), failure=FAILURE), START)
    assert "in 3 days" in ending.sentence
    first = evaluate_certificate(CertificateState(failure=FAILURE), START)
    assert first.state is CheckState.WARNING


def test_nginx_may_not_serve_another_certificate() -> None:
    result = evaluate_certificate(replace(SERVED, served="AA:BB"), START)
    assert result.state is CheckState.FAILED
    assert result.remedy == RestartService("nginx")
    # A web server that does not answer at all is the finding of another check.
    assert evaluate_certificate(replace(SERVED, served=None), START).state is CheckState.OK


def test_a_certificate_from_the_future_points_to_the_clock() -> None:
    facts = replace(FACTS, not_before=START + timedelta(hours=20))
    result = evaluate_certificate(replace(SERVED, facts=facts), START)
    assert result.state is CheckState.FAILED
    assert result.remedy == RunCommand("timedatectl")


def test_before_the_first_start_nothing_is_wrong() -> None:
    assert evaluate_certificate(CertificateState(), START).state is CheckState.UNKNOWN


async def test_it_asks_for_what_is_published(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, with_tls=True)
    assert ask_certificate(replace(settings, with_tls=False)) is None
    ask = ask_certificate(settings)
    assert ask is not None
    assert await ask() == CertificateState()
    keep_own(settings, "box.example")
    state = await ask()
    assert state.origin is Origin.OWN_AUTHORITY
    assert state.served is None


def test_a_failure_is_remembered_until_the_renewal_works_again(tmp_path: Path) -> None:
    assert read_failure(tmp_path) is None
    forget_failure(tmp_path)
    note_failure(tmp_path, NotServedError(), START)
    found = read_failure(tmp_path)
    assert found is not None
    assert (found.at, found.message) == (START, NotServedError().message)
    (tmp_path / "certificate-renewal.json").write_text("{}")
    assert read_failure(tmp_path) is None
    forget_failure(tmp_path)
    assert not list(tmp_path.iterdir())
