"""How guessing is slowed down, and by what."""

from __future__ import annotations

import pytest

from appliance.accounts.login_limits import Throttle, network_of


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
