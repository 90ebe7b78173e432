"""When a certificate is ordered again, and how long a failed run waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.acme.model import AcmePlan, AcmeState, ChallengeKind, NameFailure, Refusal, Validity
from appliance.acme.plan import (
    Due,
    Ordered,
    is_needed,
    names_of,
    needs_rehearsal,
    pause_after,
    rehearsal,
    renewal_at,
    succeeded,
    what_is_due,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
VALIDITY = Validity(NOW, NOW + 90 * DAY)
PLAN = AcmePlan(directory="https://ca.example/dir", staging="https://staging.example/dir")
NAMES = ("a.example", "b.example")
FAILED = (NameFailure("b.example", Refusal.UNREACHABLE),)


def issued(names: tuple[str, ...] = NAMES, failed: tuple[NameFailure, ...] = ()) -> AcmeState:
    ordered = Ordered(names, failed, VALIDITY)
    return succeeded(PLAN, AcmeState(), NAMES, ordered, NOW, share=0.0)


@pytest.mark.parametrize(("share", "days"), [(0.0, 60), (1.0, 63)])
def test_a_certificate_is_due_at_two_thirds_of_its_lifetime_and_a_little_later(
    share: float, days: int
) -> None:
    assert renewal_at(VALIDITY, share) == NOW + days * DAY


def test_a_first_run_is_due_at_once_and_a_renewal_at_its_time() -> None:
    assert what_is_due(AcmeState(), NAMES, NOW) is Due.FIRST
    state = issued()
    assert what_is_due(state, NAMES, NOW + 59 * DAY) is None
    assert what_is_due(state, NAMES, NOW + 60 * DAY) is Due.RENEWAL
    assert what_is_due(state, NAMES, NOW + 200 * DAY) is Due.RENEWAL


def test_without_a_name_nothing_is_due() -> None:
    assert what_is_due(AcmeState(), (), NOW) is None


def test_other_names_are_due_at_once_whatever_their_order() -> None:
    assert what_is_due(issued(), ("b.example", "a.example"), NOW) is None
    assert what_is_due(issued(), (*NAMES, "c.example"), NOW) is Due.NAMES
    assert what_is_due(issued(), NAMES[:1], NOW) is Due.NAMES


def test_after_a_failure_everything_waits_for_the_pause() -> None:
    state = replace(issued(), next_try_at=NOW + timedelta(hours=2))
    assert what_is_due(state, (*NAMES, "c.example"), NOW) is None
    assert what_is_due(state, (*NAMES, "c.example"), NOW + timedelta(hours=2)) is Due.NAMES


def test_a_pause_of_a_clock_that_was_ahead_counts_for_nothing() -> None:
    state = AcmeState(next_try_at=NOW + 400 * DAY)
    assert what_is_due(state, NAMES, NOW) is Due.FIRST


def test_names_that_failed_are_tried_again_after_their_pause() -> None:
    state = issued(NAMES[:1], FAILED)
    assert state.failures == 1
    assert state.names == NAMES[:1]
    assert what_is_due(state, NAMES, NOW + timedelta(minutes=10)) is None
    assert what_is_due(state, NAMES, NOW + DAY) is Due.RETRY


def test_a_run_that_failed_is_tried_again_although_the_certificate_is_not_due() -> None:
    state = replace(issued(), error="acme_clock", next_try_at=NOW + timedelta(hours=1))
    assert what_is_due(state, NAMES, NOW) is None
    assert what_is_due(state, NAMES, NOW + timedelta(hours=1)) is Due.RETRY


def test_a_retry_with_the_same_result_orders_nothing_and_waits_longer() -> None:
    state = issued(NAMES[:1], FAILED)
    assert not is_needed(state, NAMES[:1], Due.RETRY)
    assert is_needed(state, NAMES, Due.RETRY)
    assert is_needed(state, NAMES[:1], Due.RENEWAL)
    again = succeeded(PLAN, state, NAMES, Ordered(NAMES[:1], FAILED), NOW + DAY, share=0.0)
    assert (again.failures, again.not_after, again.renew_at) == (
        2,
        state.not_after,
        state.renew_at,
    )
    assert again.next_try_at is not None
    assert state.next_try_at is not None
    assert again.next_try_at - (NOW + DAY) == 2 * (state.next_try_at - NOW)


def test_pauses_double_to_a_day_and_are_spread() -> None:
    hours = [pause_after(failures, 1.0) / timedelta(hours=1) for failures in range(1, 8)]
    assert hours == [1, 2, 4, 8, 16, 24, 24]
    assert pause_after(1, 0.0) == timedelta(minutes=30)
    assert pause_after(1000, 1.0) == DAY


def test_an_authority_that_asks_for_a_longer_wait_gets_it_up_to_a_day() -> None:
    assert pause_after(1, 1.0, timedelta(hours=5)) == timedelta(hours=5)
    assert pause_after(4, 1.0, timedelta(hours=5)) == timedelta(hours=8)
    assert pause_after(1, 1.0, timedelta(days=9)) == DAY


def test_a_rehearsal_is_made_until_a_run_with_the_same_names_has_succeeded() -> None:
    assert needs_rehearsal(PLAN, AcmeState(), NAMES)
    assert not needs_rehearsal(PLAN, issued(), NAMES)
    assert needs_rehearsal(PLAN, issued(), (*NAMES, "c.example"))
    assert needs_rehearsal(PLAN, issued(NAMES[:1], FAILED), NAMES)
    assert needs_rehearsal(replace(PLAN, challenge=ChallengeKind.DNS, hook="x"), issued(), NAMES)
    assert not needs_rehearsal(replace(PLAN, staging=""), AcmeState(), NAMES)


def test_the_mark_of_a_rehearsal_does_not_depend_on_the_order_of_names() -> None:
    assert rehearsal(PLAN, NAMES) == rehearsal(PLAN, NAMES[::-1])


@pytest.mark.parametrize(
    ("served", "names"),
    [
        (("Chat.Example.", "localhost", "127.0.0.1", "[::1]"), ("chat.example",)),
        (("chat.example", "10.0.0.5", "[fd00::5]"), ("chat.example", "10.0.0.5", "fd00::5")),
        (("a.localhost",), ()),
        (("a.example", "A.EXAMPLE"), ("a.example",)),
    ],
)
def test_names_are_those_under_which_the_machine_is_opened(
    served: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert names_of(PLAN, served) == names


def test_names_of_the_plan_come_before_those_that_are_served() -> None:
    assert names_of(replace(PLAN, names=("x.example",)), ("chat.example",)) == ("x.example",)
