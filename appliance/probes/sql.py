"""Does PostgreSQL run a statement?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from appliance.db.queries import Queries
from appliance.probes.model import Answer, Reading, ReadingState, measured


@dataclass(frozen=True, slots=True)
class SqlProbe:
    """Connects through the socket directory, runs one statement, and hangs up."""

    socket: Path
    role: str
    queries: Queries
    database: str = "postgres"
    limit: float = 3.0

    async def read(self) -> Reading:
        """Ask once, on a connection of its own: that is what a new client would meet."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        try:
            connection = await psycopg.AsyncConnection.connect(
                host=str(self.socket),
                dbname=self.database,
                user=self.role,
                application_name="cloister probe",
                options="-c statement_timeout=2000",
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            return Answer(ReadingState.NOT_READY, _first_line(error))
        async with connection:
            await connection.execute(self.queries["answer"])
        return Answer(ReadingState.OK, "answers queries")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
