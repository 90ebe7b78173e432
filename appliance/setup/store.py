"""Rows of the guided set-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from appliance.db.pool import Connection
from appliance.db.queries import Queries
from appliance.setup.model import Decision, Step, StepState

_QUERIES = Queries("appliance.setup")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A check whose test document may still be in its account's library."""

    id: UUID
    account_id: UUID
    digest: str
    started_at: datetime


class SetupStore:
    """Reads and writes what is decided about steps, and the checks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _rows(self, query: str, /, **values: object) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(_QUERIES[query], values)
        return await cursor.fetchall() if cursor.description else []

    async def decisions(self) -> list[Decision]:
        """Return what is decided."""
        rows = await self._rows("decisions")
        return [Decision(step, StepState(state), at, by) for step, state, at, by in rows]

    async def finish(self, step: Step, *, by: str, now: datetime) -> bool:
        """Note that a step is done; return whether it was not before."""
        return bool(await self._rows("finish", step=step, by=by, now=now))

    async def skip(self, step: Step, *, by: str, now: datetime) -> bool:
        """Note that a step is skipped; return whether it was open before."""
        return bool(await self._rows("skip", step=step, by=by, now=now))

    async def begin_check(self, account_id: UUID, digest: str, *, now: datetime) -> UUID:
        """Write down a test document before it is added; return the check's id."""
        rows = await self._rows("begin_check", account_id=account_id, digest=digest, now=now)
        found: UUID = rows[0][0]
        return found

    async def keep_result(self, check: UUID, result: Mapping[str, object]) -> None:
        """Keep what a check found."""
        await self._rows("keep_result", id=check, result=Jsonb(dict(result)))

    async def leftovers(self, before: datetime) -> list[Leftover]:
        """Return the checks from before a moment whose test document may still be there."""
        return [Leftover(*row) for row in await self._rows("leftovers", before=before)]

    async def mark_removed(self, check: UUID, *, now: datetime) -> None:
        """Note that a check's test document is gone."""
        await self._rows("mark_removed", id=check, now=now)

    async def latest_check(self) -> dict[str, Any] | None:
        """Return what the newest check found that came to an end."""
        rows = await self._rows("latest_check")
        return rows[0][0] if rows else None

    async def forget_checks(self, but: UUID) -> None:
        """Delete the other checks that left nothing behind."""
        await self._rows("forget_checks", id=but)
