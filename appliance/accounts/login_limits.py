"""Slow down guessing of codes in one process, and tell clients apart.

Passwords are counted in the database, by `core.begin_attempt`, for all processes together.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_FORGET_AFTER = 900.0
# After so many doublings the wait is the longest, so that no older attempt needs to be kept.
_DOUBLINGS = 8
_MOST_KEYS = 10_000
_IPV6_NETWORK = 64


class Throttle:
    """Counts by key: a few are free, then each doubles the wait, up to `longest` seconds.

    One thing counts once, and can be forgiven. An attempt is counted before its outcome is known,
    so that many at the same moment are not more than one after the other.
    """

    def __init__(self, free: int = 5, longest: float = _LONGEST_WAIT) -> None:
        self._free = free
        self._longest = longest
        self._counted: OrderedDict[Hashable, dict[Hashable, float]] = OrderedDict()

    def wait(self, key: Hashable, now: float) -> float:
        """Return how many seconds the key must wait from `now`; 0 when it may try."""
        times = self._recent(key, now)
        excess = len(times) - self._free
        if not times or excess < 0:
            return 0.0
        wait = min(_FIRST_WAIT * 2.0**excess, self._longest)
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
