"""The record of one job while it works: signs of life, progress, log and end."""

from __future__ import annotations

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
        """Add a line to the log. Returns whether somebody asked the job to end."""
        now = self.clock.now()
        async with self.database.connection() as connection:
            asked = await JobStore(connection).add_line(
                self.job.id, now=now, line=f"{now:%Y-%m-%d %H:%M:%S} {line}\n"
            )
        return _checked(asked)

    async def progress(
        self, sentence: str, done: int | None = None, total: int | None = None, *, log: bool = False
    ) -> bool:
        """Say how far the job is, and keep the sentence in the log as well if `log` is set.

        Returns whether somebody asked the job to end.
        """
        now = self.clock.now()
        line = f"{now:%Y-%m-%d %H:%M:%S} {sentence}\n" if log else ""
        async with self.database.connection() as connection:
            asked = await JobStore(connection).report(
                self.job.id, now=now, progress=sentence, done=done, total=total, line=line
            )
        return _checked(asked)

    async def end(self, state: JobState, result: str) -> None:
        """Close the record; a closed one stays as it is."""
        async with self.database.connection() as connection:
            await JobStore(connection).end(
                self.job.id, now=self.clock.now(), state=state, result=result
            )

    async def queue_again(self, reason: str) -> None:
        """Let the next process go on with the job."""
        line = f"{self.clock.now():%Y-%m-%d %H:%M:%S} {reason}\n"
        async with self.database.connection() as connection:
            await JobStore(connection).queue_again(self.job.id, line=line)


def _checked(asked_to_end: bool | None) -> bool:  # noqa: FBT001 - what the store returned
    if asked_to_end is None:
        raise JobEndedError
    return asked_to_end
