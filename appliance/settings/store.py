"""Rows of settings."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.settings.entry import Value

_QUERIES = Queries("appliance.settings")


class SettingStore:
    """Reads and writes the entries of operators in `core.setting`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def stored(self, names: Sequence[str]) -> dict[str, object]:
        """Return what an operator has set, by name."""
        cursor = await self._connection.execute(_QUERIES["stored"], {"names": list(names)})
        return {str(name): value for name, value in await cursor.fetchall()}

    async def followed(self) -> dict[str, object]:
        """Return what an operator has set, as far as chat servers may read it."""
        cursor = await self._connection.execute(_QUERIES["followed"])
        return {str(name): value for name, value in await cursor.fetchall()}

    async def set(self, name: str, value: Value) -> None:
        """Replace a value."""
        stored = list(value) if isinstance(value, tuple) else value
        await self._connection.execute(_QUERIES["set"], {"name": name, "value": Jsonb(stored)})
        await self._connection.execute(_QUERIES["notify"], {"name": name})

    async def reset(self, name: str) -> None:
        """Remove a value, so that the default counts again."""
        await self._connection.execute(_QUERIES["reset"], {"name": name})
        await self._connection.execute(_QUERIES["notify"], {"name": name})
