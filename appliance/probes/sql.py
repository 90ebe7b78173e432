"""Does PostgreSQL run a statement?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from appliance.db.bounded import BoundedConnection
from appliance.db.queries import Queries
from appliance.probes.model import Answer, ProbeResult, ProbeState, measured

# How libpq passes on what the server itself has said: that it starts, recovers, or is full.
FROM_THE_SERVER = "FATAL"
# After a polite stop from outside it waits for the last session, and accepts no new one meanwhile.
CLOSES = "shutting down"


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """Connects through the socket directory, runs one statement, and disconnects."""

    socket: Path
    role: str
    queries: Queries
    database: str = "postgres"
    limit: float = 3.0

    async def read(self) -> ProbeResult:
        """Ask once, on a connection of its own: that is what a new client would meet."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        try:
            connection = await BoundedConnection.connect(
                host=str(self.socket),
                dbname=self.database,
                user=self.role,
                application_name="cloister probe",
                options="-c statement_timeout=2000",
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            sentence = _first_line(error)
            waits = FROM_THE_SERVER in sentence and CLOSES not in sentence
            return Answer(ProbeState.NOT_READY if waits else ProbeState.FAILED, sentence)
        async with connection:
            await connection.execute(self.queries["answer"])
        return Answer(ProbeState.OK, "answers queries")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
