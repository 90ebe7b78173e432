"""Who holds a session of the console, also while the database is down."""

from __future__ import annotations

import contextlib

from admin.database_breaker import Breaker
from admin.rescue import Rescue
from appliance.accounts.guard import SignedIn
from appliance.accounts.service import Accounts
from appliance.core.errors import DatabaseUnavailableError


class ConsoleIdentity:
    """The guard's Identity.

    1. The database decides as long as it answers.
    2. When it does not, the session that a rescue code opened counts, and no other.
    """

    def __init__(self, accounts: Accounts, breaker: Breaker, rescue: Rescue) -> None:
        self._accounts = accounts
        self._breaker = breaker
        self._rescue = rescue

    async def person(self, token: str) -> SignedIn | None:
        """Return who is signed in with a token; None also where the database cannot say."""
        with contextlib.suppress(DatabaseUnavailableError):
            return await self.confirmed(token)
        return None

    async def confirmed(self, token: str) -> SignedIn | None:
        """Return who is signed in with a token.

        Raises DatabaseUnavailableError when that cannot be known at the moment.
        """
        try:
            return await self._breaker.ask(lambda: self._accounts.person(token))
        except DatabaseUnavailableError:
            if (rescuer := self._rescue.holder(token)) is not None:
                return rescuer
            raise

    async def extend_session(self, token: str) -> None:
        """Keep the session from ending."""
        with contextlib.suppress(DatabaseUnavailableError):
            await self._breaker.ask(lambda: self._accounts.extend_session(token))

    async def sign_out(self, token: str) -> None:
        """End a session, unless it is one of the database and the database is down."""
        self._rescue.end(token)
        with contextlib.suppress(DatabaseUnavailableError):
            await self._breaker.ask(lambda: self._accounts.sign_out(token))
