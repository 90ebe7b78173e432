"""The share of each account in the work of one process."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.shares.admission import Admission
from appliance.shares.errors import (
    CrowdedError,
    ShareUsedError,
    TooManyBodiesError,
    TooManyEmbeddingsError,
    TooManyOfYoursWaitingError,
    TooManySearchesError,
    TooManyStreamsError,
    TooManyUploadsError,
)
from appliance.shares.model import Work, limits
from appliance.shares.places import PlaceLocks, QuestionPlaces

_REFUSALS: Mapping[Work, type[ShareUsedError]] = {
    Work.REQUEST: ShareUsedError,
    Work.UPLOAD: TooManyUploadsError,
    Work.STREAM: TooManyStreamsError,
    Work.SEARCH: TooManySearchesError,
    Work.EMBEDDING: TooManyEmbeddingsError,
    Work.ANSWER: TooManyOfYoursWaitingError,
    Work.BODY: TooManyBodiesError,
    Work.STRANGERS_BODY: CrowdedError,
}


class Shares:
    """One queue for each kind of work, in each of which the accounts take turns.

    Nothing here is stored: a process that ends, however it ends, takes its queues along. Only
    `questions` holds over all chat servers.
    """

    def __init__(self, settings: Settings, clock: Clock, locks: PlaceLocks) -> None:
        by_work = limits(settings)
        self.questions = QuestionPlaces(locks, by_work[Work.ANSWER], settings.chat_processes)
        self._queues = {work: Admission(by_work[work], _REFUSALS[work], clock) for work in Work}

    def __getitem__(self, work: Work) -> Admission:
        """Return the queue for a kind of work."""
        return self._queues[work]
