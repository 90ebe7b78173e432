"""Rows of what people's files take, and may take."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.db.rows import record_row
from appliance.library.model import PersonUsage, Usage
from appliance.settings.errors import SettingInvalidError
from appliance.settings.model import DOCUMENT_QUOTA

_QUERIES = Queries("appliance.library")


@dataclass(frozen=True, slots=True)
class _Row:
    """`own` is the person's limit if `is_own`; `common` is what operators set for everybody."""

    id: UUID
    name: str | None
    display_name: str | None
    used: int
    is_own: bool
    own: int | None
    common: object

    @property
    def usage(self) -> Usage:
        limit = self.own if self.is_own else _common_limit(self.common)
        return Usage(self.used, limit, self.is_own)

    @property
    def person(self) -> PersonUsage | None:
        if self.name is None or self.display_name is None:
            return None
        return PersonUsage(self.id, self.name, self.display_name, self.usage)


class QuotaStore:
    """Reads and writes `library.quota`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _rows(self, query: str, /, **values: object) -> list[_Row]:
        async with self._connection.cursor(row_factory=record_row(_Row)) as cursor:
            await cursor.execute(_QUERIES[query], {"setting": DOCUMENT_QUOTA.name, **values})
            return await cursor.fetchall()

    async def lock(self, account: UUID) -> None:
        """Let no other document of a person be added until the commit."""
        await self._connection.execute(_QUERIES["lock_quota"], {"account": account})

    async def usage(self, account: UUID) -> Usage:
        """Return what a person's files take."""
        (row,) = await self._rows("usage", account=account)
        return row.usage

    async def person(self, account: UUID) -> PersonUsage | None:
        """Return the same with the names of the person, if there is such a person."""
        (row,) = await self._rows("usage", account=account)
        return row.person

    async def all_usages(self) -> list[PersonUsage]:
        """Return what everybody's files take, the most first."""
        return [row.person for row in await self._rows("all_usages") if row.person]

    async def set(self, account: UUID, size: int | None) -> None:
        """Give a person a limit of their own; None means without a limit."""
        values = {"account": account, "bytes": size}
        await self._connection.execute(_QUERIES["set_quota"], values)

    async def reset(self, account: UUID) -> None:
        """Let the setting count for a person."""
        await self._connection.execute(_QUERIES["reset_quota"], {"account": account})


def _common_limit(stored: object) -> int | None:
    """Return the limit for people without one of their own; a value out of bounds means nothing."""
    try:
        return DOCUMENT_QUOTA.check(stored) or None
    except SettingInvalidError:
        return DOCUMENT_QUOTA.default
