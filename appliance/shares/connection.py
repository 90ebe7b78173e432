"""A connection that holds locks: outside of the pool, so that they end with it."""

from __future__ import annotations

from appliance.db.bounded import BoundedConnection
from appliance.db.pool import Connection

# The deadlines are this program's: the role's own limits would end the wait for a turn.
_OPTIONS = "-c statement_timeout=0 -c lock_timeout=0"


async def connect(address: str) -> Connection:
    """Return a connection; PostgreSQL frees its locks when it ends, whatever ends it.

    A caller that is cancelled, also by a deadline, does not wait for a server that hangs.
    """
    return await BoundedConnection.connect(address, autocommit=True, options=_OPTIONS)
