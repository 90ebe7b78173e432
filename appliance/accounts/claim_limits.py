"""Slow down guessing of claim codes, by address and in total."""

from __future__ import annotations

from appliance.accounts.errors import TooManyAttemptsError
from appliance.accounts.login_limits import Throttle, network_of
from appliance.accounts.secrets import code_digest
from appliance.core.clock import Clock

FREE_OF_ADDRESS = 5
FREE_IN_TOTAL = 50
LONGEST_DELAY = 5.0
_ALL = "all addresses"


class ClaimLimits:
    """Counts wrong codes in the process that serves the claim page; each wrong code counts once.

    An address that sent several is refused for a while. Wrong codes of all addresses together only
    delay the next one, by five seconds at most: a stranger cannot keep the operator out.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_address = Throttle(FREE_OF_ADDRESS)
        self._in_total = Throttle(FREE_IN_TOTAL, LONGEST_DELAY)

    async def begin(self, address: str, code: str) -> None:
        """Count a code as wrong until `succeeded`, after a delay if there were many.

        Raises TooManyAttemptsError when the address must wait.
        """
        network, tried, now = network_of(address), code_digest(code), self._clock.monotonic()
        wait = self._by_address.wait(network, now)
        if wait > 0:
            raise TooManyAttemptsError(seconds=int(wait) + 1)
        delay = self._in_total.wait(_ALL, now)
        self._by_address.count(network, tried, now)
        self._in_total.count(_ALL, tried, now)
        if delay > 0:
            await self._clock.sleep(delay)

    def succeeded(self, address: str, code: str) -> None:
        """Take back what `begin` counted: the code is good."""
        tried = code_digest(code)
        self._by_address.forgive(network_of(address), tried)
        self._in_total.forgive(_ALL, tried)
