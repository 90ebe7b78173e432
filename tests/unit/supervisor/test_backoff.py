"""How long to wait, and when to give up."""

from __future__ import annotations

from appliance.supervisor.backoff import Backoff


def test_the_first_restart_is_immediate_and_each_further_one_waits_twice_as_long() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    assert [backoff.delay(streak) for streak in range(8)] == [0, 1, 2, 4, 8, 16, 32, 60]


def test_an_endless_streak_does_not_overflow() -> None:
    assert Backoff().delay(10_000) == 60.0


def test_only_restarts_within_the_window_count() -> None:
    backoff = Backoff(budget=2, window=100.0)
    assert backoff.recent((0.0, 50.0, 120.0), 130.0) == (50.0, 120.0)
    assert backoff.spent((50.0, 120.0), 130.0)
    assert not backoff.spent((0.0, 120.0), 130.0)
