"""What an operation says, in the record of its job."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.core.errors import DatabaseUnavailableError
from appliance.jobs.record import JobRecord
from appliance.operations.model import Progress

# Lines that wait for the database. An operation that says more in one outage loses the oldest.
_MOST_WAITING = 1000


@dataclass(slots=True)
class JobFollower:
    """A Follower that writes to the record of a job; an outage of the database ends no backup."""

    record: JobRecord
    _waiting: list[str] = field(default_factory=list)

    async def progress(self, progress: Progress) -> None:
        """Keep how far it is. Raises JobEndedError."""
        try:
            await self._catch_up()
            await self.record.progress(progress.sentence, progress.done, progress.total)
        except DatabaseUnavailableError:
            return

    async def log(self, line: str) -> None:
        """Keep a line. Raises JobEndedError."""
        self._waiting = [*self._waiting[-_MOST_WAITING:], line]
        try:
            await self._catch_up()
        except DatabaseUnavailableError:
            return

    async def _catch_up(self) -> None:
        while self._waiting:
            await self.record.log(self._waiting[0])
            del self._waiting[0]
