"""How guessing is slowed down, and by what."""

from __future__ import annotations

import pytest

from appliance.accounts.errors import SignInFailedError, TooManyAttemptsError
from appliance.accounts.login_limits import LoginLimits, Throttle, network_of
from appliance.core.errors import DatabaseUnavailableError
from tests.fakes.clock import FakeClock

HERE = "192.0.2.1"


def test_waits_double_to_a_limit_and_are_forgotten() -> None:
    throttle = Throttle()
    waits = []
    for attempt in range(20):
        throttle.count("alice", attempt, float(attempt))
        waits.append(throttle.wait("alice", float(attempt)))
    assert waits[:8] == [0, 0, 0, 0, 2, 4, 8, 16]
    assert set(waits[12:]) == {300}
    assert throttle.wait("alice", 19.0 + 901) == 0
    throttle.forget("alice")
    assert throttle.wait("alice", 19.0) == 0


def test_what_is_forgiven_does_not_count_and_prolongs_no_wait() -> None:
    throttle = Throttle()
    for attempt in range(5):
        throttle.count("office", attempt, 0.0)
    assert throttle.count("office", "honest", 10.0)
    assert not throttle.count("office", "honest", 10.0)
    throttle.forgive("office", "honest")
    assert throttle.wait("office", 1.0) == 1.0
    assert throttle.wait("office", 10.0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def fail(limits: LoginLimits, name: str, address: str = HERE) -> None:
    with pytest.raises(SignInFailedError), limits.attempt(name, address):
        raise SignInFailedError


def test_attempts_under_way_count_as_much_as_failed_ones() -> None:
    limits = LoginLimits(FakeClock())
    under_way = [limits.attempt("alice", HERE) for _ in range(6)]
    for attempt in under_way[:5]:
        attempt.__enter__()
    with pytest.raises(TooManyAttemptsError):
        under_way[5].__enter__()


def test_another_address_of_the_same_network_is_no_way_around() -> None:
    limits = LoginLimits(FakeClock())
    for number in range(5):
        fail(limits, "alice", f"2001:db8::{number}")
    with pytest.raises(TooManyAttemptsError), limits.attempt("alice", "2001:db8::ffff"):
        pass
    with limits.attempt("alice", "2001:db8:0:1::1"):
        pass


def test_one_name_that_fails_for_hours_leaves_its_colleagues_alone() -> None:
    clock = FakeClock()
    limits = LoginLimits(clock)
    for _ in range(200):
        fail(limits, "old program")
        clock.advance(301)
    with limits.attempt("colleague", HERE):
        pass


def test_names_that_get_in_at_last_do_not_weigh_on_their_address() -> None:
    limits = LoginLimits(FakeClock())
    for number in range(200):
        fail(limits, f"person {number}")
        with limits.attempt(f"person {number}", HERE):
            pass
    with limits.attempt("one more", HERE):
        pass


def test_many_names_from_one_address_are_slowed_down() -> None:
    limits = LoginLimits(FakeClock())
    for number in range(50):
        fail(limits, f"person {number}")
    with pytest.raises(TooManyAttemptsError), limits.attempt("alice", HERE):
        pass
    with limits.attempt("alice", "192.0.2.2"):
        pass


def test_what_was_never_tried_is_not_counted() -> None:
    limits = LoginLimits(FakeClock())
    for _ in range(100):
        with pytest.raises(DatabaseUnavailableError), limits.attempt("alice", HERE):
            raise DatabaseUnavailableError
    with limits.attempt("alice", HERE):
        pass
