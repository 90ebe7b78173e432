"""Long work as it is recorded: what ran, how far it came and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_active(self) -> bool:
        """Whether the job waits or runs."""
        return self in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a kind of work.

    `subject` is what it works on, such as the name of a model; many kinds have none. `progress` is
    the latest sentence about it, `done` and `total` count its parts where they are known. In a
    list of jobs `log` is empty.
    """

    id: UUID
    kind: str
    subject: str
    state: JobState
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    deadline_at: datetime | None
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    progress: str
    done: int | None
    total: int | None
    result: str | None
    log: str

    @property
    def is_cancelling(self) -> bool:
        """Whether the job still runs although its cancellation was requested."""
        return self.state is JobState.RUNNING and self.cancel_asked_at is not None

    def as_json(self) -> dict[str, object]:
        """Return the shape that the command line and the console's API print."""
        times = ("created_at", "started_at", "finished_at", "heartbeat_at", "deadline_at")
        return {
            "id": str(self.id),
            "kind": self.kind,
            "subject": self.subject,
            "state": self.state,
            "requested_by": self.requested_by,
            **{name: _moment(getattr(self, name)) for name in times},
            "cancelling": self.is_cancelling,
            "progress": {"sentence": self.progress, "done": self.done, "total": self.total},
            "result": self.result,
            "log": self.log.splitlines(),
        }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
