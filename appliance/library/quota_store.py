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

    used: int
    is_own: bool
    own: int | None
    common: object

    @property
    def usage(self) -> Usage:
        limit = self.own if self.is_own else _common_limit(self.common)
        return Usage(self.used, limit, self.is_own)


@dataclass(frozen=True, slots=True)
class _PersonRow(_Row):
    id: UUID
    name: str
    display_name: str


class QuotaStore:
    """Reads and writes `library.quota`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, account: UUID) -> None:
        """Let no other document of a person be added until the commit."""
        await self._connection.execute(_QUERIES["lock_quota"], {"account": account})

    async def usage(self, account: UUID) -> Usage:
        """Return what a person's files take."""
        async with self._connection.cursor(row_factory=record_row(_Row)) as cursor:
            values = {"account": account, "setting": DOCUMENT_QUOTA.name}
            await cursor.execute(_QUERIES["usage"], values)
            (row,) = await cursor.fetchall()
            return row.usage

    async def all_usages(self) -> list[PersonUsage]:
        """Return what everybody's files take, the most first."""
        async with self._connection.cursor(row_factory=record_row(_PersonRow)) as cursor:
            await cursor.execute(_QUERIES["all_usages"], {"setting": DOCUMENT_QUOTA.name})
            rows = await cursor.fetchall()
        return [PersonUsage(row.id, row.name, row.display_name, row.usage) for row in rows]

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
