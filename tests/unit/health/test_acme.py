"""The check of the authority: silent while ACME is off, and a fault as soon as a run fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.acme.model import AcmePlan, AcmeState, NameFailure, Refusal
from appliance.health.checks.acme import evaluate_acme
from appliance.health.model import CheckState
from appliance.health.remedies import OpenAcme

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAN = AcmePlan(directory="https://ca.example/dir")
GOOD = AcmeState(
    names=("a.example",),
    not_after=NOW + timedelta(days=60),
    renew_at=NOW + timedelta(days=30),
)
FAILED = replace(
    GOOD,
    error="acme_server_away",
    message="https://ca.example/dir cannot be reached: Connection refused.",
    hint="Check the network.",
    failures=1,
    next_try_at=NOW + timedelta(hours=1),
)


def test_where_acme_is_off_nothing_is_said() -> None:
    assert evaluate_acme(None, FAILED, NOW) == []


def test_all_is_well() -> None:
    [found] = evaluate_acme(PLAN, GOOD, NOW)
    assert (found.state, found.is_ready) == (CheckState.OK, True)
    assert "2026-03-31" in found.sentence
    [first] = evaluate_acme(PLAN, AcmeState(), NOW)
    assert first.state is CheckState.OK


def test_one_failed_run_is_a_fault_at_once() -> None:
    [found] = evaluate_acme(PLAN, FAILED, NOW)
    assert not found.is_ready
    assert found.remedy == OpenAcme()
    assert "Connection refused" in found.sentence
    assert "Check the network." in found.hint
    assert "2026-03-01 at 13:00 UTC" in found.hint
    # The time is over: nothing untrue is said about it.
    [later] = evaluate_acme(PLAN, FAILED, NOW + timedelta(hours=2))
    assert "tried again" not in later.hint


def test_each_name_without_a_certificate_is_a_fault() -> None:
    names = tuple(NameFailure(f"{n}.example", Refusal.DNS) for n in "ab")
    found = evaluate_acme(PLAN, replace(GOOD, failed=names), NOW)
    assert ["a.example" in found[0].sentence, "b.example" in found[1].sentence] == [True, True]
    assert not any(result.is_ready for result in found)
    # An error about the whole run has named them already.
    assert len(evaluate_acme(PLAN, replace(FAILED, failed=names), NOW)) == 1


def test_other_terms_are_a_warning_that_leaves_the_machine_ready() -> None:
    [found] = evaluate_acme(PLAN, replace(GOOD, new_terms="https://ca.example/terms-2"), NOW)
    assert (found.state, found.is_ready) == (CheckState.WARNING, True)
    assert "https://ca.example/terms-2" in found.sentence
