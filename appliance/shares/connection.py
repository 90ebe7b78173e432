"""A connection that holds locks: outside of the pool, so that they end with it."""

from __future__ import annotations

from psycopg import AsyncConnection

from appliance.db.pool import Connection

# The deadlines are this program's: the role's own limits would end the wait for a turn.
_OPTIONS = "-c statement_timeout=0 -c lock_timeout=0"


async def connect(address: str) -> Connection:
    """Return a connection; PostgreSQL frees its locks when it ends, whatever ends it."""
    return await AsyncConnection.connect(address, autocommit=True, options=_OPTIONS)
