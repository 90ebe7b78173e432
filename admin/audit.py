"""Record what operators do with the machine itself."""

from __future__ import annotations

import logging

from admin.database_breaker import Breaker
from appliance.accounts.model import Account, audit_name
from appliance.accounts.store import AccountStore
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database

logger = logging.getLogger(__name__)


class Audit:
    """Writes to `core.audit`, and to the log when the database cannot be reached."""

    def __init__(self, database: Database, breaker: Breaker) -> None:
        self._database = database
        self._breaker = breaker

    async def record(self, actor: Account | None, action: str, what: str = "") -> None:
        """Record a named operation. Never fails: the operation itself is done all the same.

        An actor of None is the command line.
        """
        name = audit_name(actor)

        async def write() -> None:
            async with self._database.connection() as connection:
                await AccountStore(connection).add_audit(name, action, what)

        try:
            await self._breaker.ask(write)
        except DatabaseUnavailableError:
            logger.warning("not in the audit: %s did %s %s", name, action, what)
