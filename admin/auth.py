"""Who holds a session of the console, also while the database is down."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

from aiohttp import web

from admin.database_breaker import Breaker
from admin.errors import RescueOnlyError
from admin.remembered import RememberedSessions
from admin.rescue import RESCUER, Rescue
from appliance.accounts.guard import person
from appliance.accounts.model import Account
from appliance.accounts.secrets import digest
from appliance.accounts.service import Accounts
from appliance.accounts.store import AccountStore
from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database


class ConsoleIdentity:
    """The guard's Identity.

    1. The database decides as long as it answers.
    2. When it does not, an operator's session that it confirmed within the last hours counts, and
       so does the session that a rescue code opened.
    3. What the database no longer confirms is forgotten: at the next page or `review`, and at
       once when it is announced, so that an outage a moment later opens no door.
    """

    def __init__(
        self,
        accounts: Accounts,
        breaker: Breaker,
        remembered: RememberedSessions,
        rescue: Rescue,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._breaker = breaker
        self._remembered = remembered
        self._rescue = rescue
        self._clock = clock

    async def person(self, token: str) -> Account | None:
        """Return who is signed in with a token."""
        key = digest(token).hex()
        try:
            account = await self._breaker.ask(lambda: self._accounts.person(token))
        except DatabaseUnavailableError:
            kept = self._remembered.account(key, self._clock.now())
            return kept or self._rescue.person(token)
        await self._learn(key, account)
        return account

    async def seen(self, token: str) -> None:
        """Keep the session from ending."""
        with contextlib.suppress(DatabaseUnavailableError):
            await self._breaker.ask(lambda: self._accounts.seen(token))

    async def sign_out(self, token: str) -> None:
        """End a session, as far as the database can be told."""
        self._rescue.end(token)
        await self._learn(digest(token).hex(), None)
        with contextlib.suppress(DatabaseUnavailableError):
            await self._breaker.ask(lambda: self._accounts.sign_out(token))

    async def review(self, database: Database) -> None:
        """Ask the database about every remembered session: one may belong to a locked person."""
        now = self._clock.now()
        async with database.connection() as connection:
            store = AccountStore(connection)
            for key in self._remembered.digests():
                await self._learn(key, await store.account_by_session(bytes.fromhex(key), now))

    async def revoke(self, account_id: UUID) -> None:
        """Forget a person's sessions, some of which have ended, without asking the database.

        The others are remembered again at their next page.
        """
        for key in self._remembered.digests_of(account_id):
            await self._learn(key, None)

    async def _learn(self, key: str, account: Account | None) -> None:
        if account is not None and account.is_operator:
            changed = self._remembered.keep(key, account, self._clock.now())
        else:
            changed = self._remembered.forget(key)
        if changed:
            await asyncio.to_thread(self._remembered.write)


def operator(request: web.Request) -> Account:
    """Return the operator who asks for something that is kept in the database.

    Raises RescueOnlyError for whoever came in with a rescue code.
    """
    account = person(request)
    if account.id == RESCUER:
        raise RescueOnlyError
    return account
