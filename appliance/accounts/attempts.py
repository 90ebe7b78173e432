"""Who may try a password now, weighed by name and by address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from appliance.accounts.errors import SignInFailedError, TooManyAttemptsError
from appliance.accounts.throttle import Throttle, network_of
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError

_LONGEST_NAME = 64
# Behind one address may be a whole office, but nobody whose hundred names are all wrong.
_FREE_NAMES = 50


class Attempts:
    """Counts each attempt from its beginning, so that guesses at once are not more than in turn.

    A name is slowed down for one address alone, so that a stranger cannot lock a person out by
    guessing from elsewhere. An address is slowed down by how many names fail there, and not by
    how often: somebody who mistypes, or a program with an old password, is one name, and
    their colleagues still get in.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_name = Throttle()
        self._by_address = Throttle(_FREE_NAMES)

    @contextmanager
    def at(self, name: str, address: str) -> Iterator[None]:
        """Let the block try a password. Raises TooManyAttemptsError.

        It stays counted when the block raises SignInFailedError, or is cancelled. When it ends
        well the name is forgiven; any other error of ours means that nothing was tried.
        """
        name, network, now = name[:_LONGEST_NAME], network_of(address), self._clock.monotonic()
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
