"""Slow down guessing of passwords and codes: attempts that are under way or have failed count."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from appliance.accounts.errors import SignInFailedError, TooManyAttemptsError
from appliance.accounts.names import LONGEST_NAME
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_FORGET_AFTER = 900.0
# After so many doublings the wait is the longest, so that no older attempt needs to be kept.
_DOUBLINGS = 8
_MOST_KEYS = 10_000
_IPV6_NETWORK = 64
# A whole office may share one address; fifty names that all fail come from guessing.
_FREE_NAMES = 50


class Throttle:
    """Counts by key: a few are free, then each doubles the wait, up to five minutes.

    One thing counts once, and can be forgiven. An attempt is counted before its outcome is known,
    so that many at the same moment are not more than one after the other.
    """

    def __init__(self, free: int = 5) -> None:
        self._free = free
        self._counted: OrderedDict[Hashable, dict[Hashable, float]] = OrderedDict()

    def wait(self, key: Hashable, now: float) -> float:
        """Return how many seconds the key must wait from `now`; 0 when it may try."""
        times = self._recent(key, now)
        excess = len(times) - self._free
        if not times or excess < 0:
            return 0.0
        wait = min(_FIRST_WAIT * 2.0**excess, _LONGEST_WAIT)
        return max(0.0, _newest(times) + wait - now)

    def count(self, key: Hashable, what: Hashable, now: float) -> bool:
        """Count something for a key; return whether it was not counted before."""
        times = self._recent(key, now)
        is_new = what not in times
        times.setdefault(what, now)
        while len(times) > self._free + _DOUBLINGS:
            del times[next(iter(times))]
        self._counted[key] = times
        self._counted.move_to_end(key)
        while len(self._counted) > _MOST_KEYS:
            self._counted.popitem(last=False)
        return is_new

    def forgive(self, key: Hashable, what: Hashable) -> None:
        """Take back one thing that was counted."""
        if times := self._counted.get(key):
            times.pop(what, None)

    def forget(self, key: Hashable) -> None:
        """Take back all that was counted for a key."""
        self._counted.pop(key, None)

    def _recent(self, key: Hashable, now: float) -> dict[Hashable, float]:
        times = self._counted.get(key, {})
        return times if times and now - _newest(times) <= _FORGET_AFTER else {}


def _newest(times: dict[Hashable, float]) -> float:
    return next(reversed(times.values()))


def network_of(address: str) -> str:
    """Return the network within which a client can choose its address: an IPv6 /64, or itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    host_bits = found.max_prefixlen - _IPV6_NETWORK
    return f"{ipaddress.IPv6Address(int(found) >> host_bits << host_bits)}/{_IPV6_NETWORK}"


class LoginLimits:
    """Limits attempts by name and address together, and by address alone.

    A name is slowed down for one address alone, so that a stranger cannot lock a person out by
    guessing from elsewhere. An address is slowed down by the number of names that fail there: a
    person who mistypes, or a program with an old password, is one name, and colleagues at the
    same address still get in.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_name = Throttle()
        self._by_address = Throttle(_FREE_NAMES)

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """Let the block check a password. Raises TooManyAttemptsError.

        The attempt counts when the block raises SignInFailedError, or is cancelled. When the block
        ends well the name is forgiven; any other error of ours is no failed attempt.
        """
        name, network, now = name[:LONGEST_NAME], network_of(address), self._clock.monotonic()
        pair, attempt = (name, network), object()
        wait = max(self._by_name.wait(pair, now), self._by_address.wait(network, now))
        if wait > 0:
            raise TooManyAttemptsError(seconds=int(wait) + 1)
        self._by_name.count(pair, attempt, now)
        is_new_name = self._by_address.count(network, name, now)
        try:
            yield
        except SignInFailedError:
            raise
        except ApplianceError:
            self._by_name.forgive(pair, attempt)
            if is_new_name:
                self._by_address.forgive(network, name)
            raise
        self._by_name.forget(pair)
        self._by_address.forgive(network, name)
