"""Long work as it is recorded: who looks later sees what ran, how far it came and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class JobState(StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a kind of work. At most one of a kind runs at a time."""

    id: UUID
    kind: str
    state: JobState
    started_at: datetime
    heartbeat_at: datetime
    deadline_at: datetime
    finished_at: datetime | None
    log: str
    result: str | None
