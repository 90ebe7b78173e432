"""Rows of settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.settings.entry import Value
from appliance.settings.model import Stored

_QUERIES = Queries("appliance.settings")


class SettingStore:
    """Reads and writes the entries of operators in `core.setting`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Let no other change in before the end of the transaction."""
        await self._connection.execute(_QUERIES["lock"])

    async def stored(self, names: Sequence[str]) -> dict[str, Stored]:
        """Return what an operator has set, by name."""
        cursor = await self._connection.execute(_QUERIES["stored"], {"names": list(names)})
        return {str(name): Stored(*rest) for name, *rest in await cursor.fetchall()}

    async def followed(self) -> dict[str, object]:
        """Return what an operator has set, as far as chat servers may read it."""
        cursor = await self._connection.execute(_QUERIES["followed"])
        return {str(name): value for name, value in await cursor.fetchall()}

    async def set(self, name: str, value: Value | None, *, by: str, at: datetime) -> None:
        """Replace a value; with None the default counts again."""
        stored = list(value) if isinstance(value, tuple) else value
        row = {"name": name, "value": Jsonb(stored), "by": by, "at": at}
        await self._connection.execute(_QUERIES["set"], row)
        await self._connection.execute(_QUERIES["notify"], {"name": name})
