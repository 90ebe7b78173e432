"""The record of one job while it works: signs of life, progress, log and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.db.pool import Database
from appliance.jobs.errors import JobEndedError
from appliance.jobs.model import Job, JobState
from appliance.jobs.store import JobStore


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What the work of a job writes to; each method raises JobEndedError on a closed record."""

    job: Job
    database: Database
    clock: Clock

    async def log(self, line: str) -> bool:
        """Add a line to the log. Returns whether its cancellation was requested."""
        return await self._add(self._stamped(line))

    async def progress(
        self, sentence: str, done: int | None = None, total: int | None = None, *, log: bool = False
    ) -> bool:
        """Say how far the job is, and keep the sentence in the log as well if `log` is set.

        Returns whether its cancellation was requested.
        """
        now, line = self.clock.now(), self._stamped(sentence) if log else ""
        async with self.database.connection() as connection:
            asked = await JobStore(connection).report(
                self.job.id, now=now, progress=sentence, done=done, total=total, line=line
            )
        return _checked(asked)

    async def report(self, lines: Sequence[str]) -> bool:
        """Add lines to the log, of which the last says how far the job is; none is a sign of life.

        Returns whether its cancellation was requested.
        """
        if not lines:
            return await self._add("")
        *earlier, last = lines
        if earlier:
            await self._add("".join(map(self._stamped, earlier)))
        return await self.progress(last, log=True)

    async def end(self, state: JobState, result: str) -> None:
        """Close the record; a closed one stays as it is."""
        async with self.database.connection() as connection:
            await JobStore(connection).end(
                self.job.id, now=self.clock.now(), state=state, result=result
            )

    async def discard(self) -> None:
        """Remove the record: the job found nothing to do, and hundreds of such say nothing."""
        async with self.database.connection() as connection:
            await JobStore(connection).discard(self.job.id)

    async def queue_again(self, reason: str) -> None:
        """Let the next process go on with the job."""
        async with self.database.connection() as connection:
            await JobStore(connection).queue_again(self.job.id, line=self._stamped(reason))

    async def _add(self, lines: str) -> bool:
        async with self.database.connection() as connection:
            asked = await JobStore(connection).add_line(
                self.job.id, now=self.clock.now(), line=lines
            )
        return _checked(asked)

    def _stamped(self, line: str) -> str:
        return f"{self.clock.now():%Y-%m-%d %H:%M:%S} {line}\n"


def _checked(asked_to_end: bool | None) -> bool:  # noqa: FBT001 - what the store returned
    if asked_to_end is None:
        raise JobEndedError
    return asked_to_end
