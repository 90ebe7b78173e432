"""What follows a job of backups: a set is tried, a failed trial is looked into. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.jobs.kinds import BACKUP, DRILL, MODEL_BACKUP, VERIFY_BACKUPS, Kind


class Outcome(StrEnum):
    """How a job ended, as far as another one depends on it."""

    DONE = "done"
    FAILED = "failed"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that ended.

    `damage` says that damage was known before, `models` that the files of models are saved as well.
    """

    kind: Kind
    outcome: Outcome
    subject: str = ""
    damage: bool = False
    models: bool = False


def next_jobs(ended: Ended) -> tuple[str, ...]:
    """Return the names of the kinds that are queued now.

    Copies are not among them: the schedule queues them whenever a target lacks something. Damage
    that a new set did not heal is no reason for another one.
    """
    match (ended.kind, ended.outcome):
        case (kind, Outcome.DONE) if kind is BACKUP:
            return (DRILL.name, MODEL_BACKUP.name) if ended.models else (DRILL.name,)
        case (kind, Outcome.DONE) if kind is DRILL and ended.damage and not ended.subject:
            return (VERIFY_BACKUPS.name,)
        case (kind, Outcome.FAILED) if kind is DRILL and not ended.subject:
            return (VERIFY_BACKUPS.name,)
        case (kind, Outcome.DAMAGED) if kind is VERIFY_BACKUPS and not ended.damage:
            return (BACKUP.name,)
        case (kind, Outcome.DAMAGED) if kind is MODEL_BACKUP:
            return (MODEL_BACKUP.name,)
        case _:
            return ()
