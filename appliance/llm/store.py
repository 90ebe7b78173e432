"""Rows of which models the operator chose."""

from __future__ import annotations

from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.llm")


class ChoiceStore:
    """Reads and writes the models among `core.setting`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def chosen(self) -> dict[str, str]:
        """Return the chosen models by the setting's name."""
        cursor = await self._connection.execute(_QUERIES["chosen"])
        return {str(name): str(model) for name, model in await cursor.fetchall()}

    async def searching(self) -> str | None:
        """Return the model whose vectors search has, or None while it goes by words alone."""
        cursor = await self._connection.execute(_QUERIES["searching"])
        row = await cursor.fetchone()
        return str(row[0]) if row else None

    async def choose(self, setting: str, model: str) -> None:
        """Replace a choice."""
        await self._connection.execute(_QUERIES["choose"], {"name": setting, "model": model})

    async def wake_ingest(self) -> None:
        """Notify the ingest process at the commit that passages may need other vectors."""
        await self._connection.execute(_QUERIES["wake_ingest"])
