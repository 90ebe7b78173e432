"""Slow down guessing: pure bookkeeping of failed attempts."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_FORGET_AFTER = 900.0
_MOST_KEYS = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Throttle:
    """Count failures by key; after the free ones each doubles the wait, up to five minutes.

    The key holds the client's address as well as the name, so that a stranger cannot lock a
    person out by guessing from elsewhere.
    """

    def __init__(self, free_attempts: int = 5) -> None:
        self._free_attempts = free_attempts
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait(self, key: tuple[str, str], now: float) -> float:
        """Return how many seconds the key must wait from `now`; 0 when it may try."""
        failures = self._failures.get(key)
        if failures is None or now - failures.last > _FORGET_AFTER:
            return 0.0
        excess = failures.count - self._free_attempts
        if excess < 0:
            return 0.0
        wait = min(_FIRST_WAIT * 2.0 ** min(excess, 20), _LONGEST_WAIT)
        return max(0.0, failures.last + wait - now)

    def failed(self, key: tuple[str, str], now: float) -> None:
        """Note a failed attempt."""
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last > _FORGET_AFTER:
            failures = _Failures(0, now)
        self._failures[key] = _Failures(failures.count + 1, now)
        while len(self._failures) > _MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: tuple[str, str]) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)
