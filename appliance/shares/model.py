"""What a chat server does for many accounts at once, and how much of it one account may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from appliance.core.settings import Settings


class Work(StrEnum):
    """Kinds of work that accounts share; each has a queue of its own.

    A request that waits for the model or for the disk therefore delays no page. REQUEST is every
    page and call that is none of the others; STREAM is a download or a page that follows an answer,
    which stays open for long and costs little. BODY is what a request sends, while it arrives;
    STRANGERS_BODY is the same without a session, and networks share it instead of accounts.
    """

    REQUEST = "request"
    UPLOAD = "upload"
    STREAM = "stream"
    SEARCH = "search"
    EMBEDDING = "embedding"
    ANSWER = "answer"
    BODY = "body"
    STRANGERS_BODY = "stranger's body"


Sharer = UUID | str
"""An account; or the network of people who are not signed in."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of one kind of work one process does at once, and how much may wait for it.

    `of_one` and `waiting_of_one` are the share of one account or network. `patience` is how many
    seconds a request waits for its turn; None leaves that to the deadline of the work itself.
    """

    at_once: int
    of_one: int
    waiting: int = 1000
    waiting_of_one: int = 32
    patience: float | None = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a queue: how many requests come first, and about how many seconds they take."""

    ahead: int
    seconds: int | None = None


# Below the number of database connections of a process, of which a search holds one.
_SEARCHES = 4
# The turns are those of batches: one at a time, or a question would wait for all of them.
_EMBEDDINGS = 1


def limits(settings: Settings) -> Mapping[Work, Limit]:
    """Return the limits of one chat server.

    The slots of the model are divided among the chat servers. One account has at most half of
    them, so that its answers, which may take minutes, never hold them all.
    """
    slots = max(1, settings.generation_slots // settings.chat_processes)
    return {
        Work.REQUEST: Limit(at_once=12, of_one=4, waiting_of_one=100),
        Work.UPLOAD: Limit(at_once=8, of_one=2),
        Work.STREAM: Limit(at_once=5000, of_one=100, waiting=0, waiting_of_one=0),
        Work.SEARCH: Limit(at_once=_SEARCHES, of_one=1),
        Work.EMBEDDING: Limit(
            at_once=_EMBEDDINGS, of_one=_EMBEDDINGS, waiting_of_one=8, patience=None
        ),
        Work.ANSWER: Limit(
            at_once=slots, of_one=(slots + 1) // 2, waiting_of_one=20, patience=None
        ),
        Work.BODY: Limit(at_once=512, of_one=16, waiting_of_one=100),
        Work.STRANGERS_BODY: Limit(at_once=256, of_one=50, waiting_of_one=50),
    }
