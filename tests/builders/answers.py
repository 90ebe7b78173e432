"""Passages and questions for tests of answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from appliance.accounts.model import Account
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.retrieval.model import Passage, Retrieved
from appliance.shares.places import PlaceLocks
from appliance.shares.service import Shares

DOCUMENT = UUID(int=7)


def shares_of(settings: Settings, database: Database) -> Shares:
    """Return the shares of one chat server."""
    return Shares(settings, SystemClock(), PlaceLocks(database.address))


def passage(text: str = "The pump was repaired on 3 May.", **changes: object) -> Passage:
    """Return a passage of a document that need not exist."""
    made = Passage(
        document_id=DOCUMENT,
        file_name="report.pdf",
        page=2,
        start=100,
        end=100 + len(text),
        heading_path=("Pumps",),
        text=text,
        score=1.0,
        coverage=1.0,
        similarity=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class FixedRetriever:
    """Finds the same passages for every question, and remembers what it was asked."""

    def __init__(self, *passages: Passage) -> None:
        self.passages = passages
        self.asked: list[tuple[Account, str, tuple[str, ...]]] = []
        self.error: Exception | None = None

    async def retrieve(
        self,
        reader: Account,
        question: str,
        *,
        k: int = 12,
        collection: UUID | None = None,
        earlier: Sequence[str] = (),
    ) -> Retrieved:
        """Return the passages, or raise what was set."""
        self.asked.append((reader, question, tuple(earlier)))
        if self.error is not None:
            raise self.error
        return Retrieved(self.passages[:k])
