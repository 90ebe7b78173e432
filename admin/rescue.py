"""A way into the console while the database is down: a code that the command line makes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta

from admin.errors import RescueCodeError
from appliance.accounts.errors import TooManyAttemptsError
from appliance.accounts.login_limits import Throttle, network_of
from appliance.accounts.secrets import Secret, code_digest, digest, new_code, new_token
from appliance.actors.model import RescueCode
from appliance.core.clock import Clock

CODE_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A digest, and the monotonic time at which it expires."""

    digest: bytes
    until: float


class Rescue:
    """One code and one session at a time, in memory: a restart of the supervisor ends both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttle = Throttle()
        self._code: _Kept | None = None
        self._session: _Kept | None = None

    def new_code(self) -> Secret:
        """Make the code that works once within a quarter of an hour; an earlier one is void.

        Only the control socket may call this: its callers have access to the machine itself.
        """
        code = new_code()
        self._code = _Kept(code.digest, self._clock.monotonic() + CODE_LASTS.total_seconds())
        return code

    def use(self, typed: str, address: str) -> Secret:
        """Open a session for the holder of the code; `address` is the client's.

        Raises RescueCodeError, TooManyAttemptsError.
        """
        now, network = self._clock.monotonic(), network_of(address)
        wait = self._throttle.wait(network, now)
        if wait > 0:
            raise TooManyAttemptsError(seconds=int(wait) + 1)
        if not self._is(self._code, code_digest(typed)):
            self._throttle.count(network, object(), now)
            raise RescueCodeError
        self._code = None
        self._throttle.forget(network)
        token = new_token()
        self._session = _Kept(token.digest, now + SESSION_LASTS.total_seconds())
        return token

    def holder(self, token: str) -> RescueCode | None:
        """Return who acts in the rescue session, if the token opens it."""
        return RescueCode() if self._is(self._session, digest(token)) else None

    def end(self, token: str) -> None:
        """Close the rescue session."""
        if self._is(self._session, digest(token)):
            self._session = None

    def _is(self, kept: _Kept | None, found: bytes) -> bool:
        if kept is None or self._clock.monotonic() >= kept.until:
            return False
        return hmac.compare_digest(kept.digest, found)
