"""Locks of a connection, by which PostgreSQL keeps turns and places over all processes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from appliance.db.pool import Connection
from appliance.db.queries import Queries

_QUERIES = Queries("appliance.shares")


class LockStore:
    """Takes and frees the locks of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def wait_for_turn(self, name: str) -> None:
        """Wait in the order of arrival until no other connection has the turn; then have it."""
        await self._connection.execute(_QUERIES["wait_for_turn"], {"name": name})

    async def end_turn(self, name: str) -> None:
        """Give the turn to the connection that has waited longest."""
        await self._connection.execute(_QUERIES["end_turn"], {"name": name})

    async def take_place(self, account_id: UUID, most: int, held: Sequence[int]) -> int | None:
        """Return the number of a free place of `most` that is not `held` here, or None."""
        facts = {"account": str(account_id), "most": most, "held": list(held)}
        cursor = await self._connection.execute(_QUERIES["take_place"], facts)
        row = await cursor.fetchone()
        return None if row is None else int(row[0])

    async def free_place(self, account_id: UUID, number: int) -> None:
        """Free a place of this connection."""
        facts = {"account": str(account_id), "number": number}
        await self._connection.execute(_QUERIES["free_place"], facts)
