"""Answers in the database, while they are written and after they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import scalar_row

from appliance.answering.errors import InterruptedAnswerError
from appliance.answering.model import NumberedPassage, Turn
from appliance.conversations.model import AnswerKind, ContextUsage, MessageState
from appliance.core.errors import ApplianceError
from appliance.db.pool import Database
from appliance.db.queries import Queries
from appliance.db.rows import fetch_records
from appliance.web import markdown

MOST_TURNS = 6


@dataclass(frozen=True, slots=True)
class Progress:
    """The text of an unfinished answer, as far as it is written."""

    id: UUID
    text: str
    model: str | None = None
    context_usage: ContextUsage | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended; `error` says why it failed, was quoted or was cut.

    Without `html` the text is rendered when it is first shown.
    """

    progress: Progress
    state: MessageState
    kind: AnswerKind | None
    cited: tuple[NumberedPassage, ...] = ()
    error: ApplianceError | None = None
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An answer that is being written, and by which worker."""

    id: UUID
    worker: int


class AnswerStore:
    """The only reader of this feature's statements; `worker` is this process's number."""

    def __init__(self, database: Database, *, worker: int) -> None:
        self.worker = worker
        self._database = database
        self._queries = Queries("appliance.answering")

    async def turns(self, conversation_id: UUID, before: int) -> tuple[Turn, ...]:
        """Return the turns before message number `before`, oldest first."""
        facts = {"conversation": conversation_id, "before": before, "limit": MOST_TURNS}
        turns = await fetch_records(self._database, Turn, self._queries["turns"], facts)
        return tuple(reversed(turns))

    async def save_progress(self, written: Sequence[Progress]) -> frozenset[UUID]:
        """Save unfinished texts in one statement; return the ids that still exist."""
        usages = [_context_usage(each) for each in written]
        facts: dict[str, Any] = {
            "ids": [each.id for each in written],
            "texts": [each.text for each in written],
            "models": [each.model for each in written],
            "found": [each["found"] for each in usages],
            "used": [each["used"] for each in usages],
            "shortened": [each["shortened"] for each in usages],
            "left_out": [each["left_out"] for each in usages],
            "worker": self.worker,
        }
        async with (
            self._database.connection() as connection,
            connection.cursor(row_factory=scalar_row) as cursor,
        ):
            await cursor.execute(self._queries["save_progress"], facts)
            return frozenset(await cursor.fetchall())

    async def finish(self, ending: Ending) -> None:
        """Save how an answer ended, in one statement."""
        places = [numbered.passage for numbered in ending.cited]
        facts: dict[str, Any] = {
            "id": ending.progress.id,
            "state": ending.state,
            "kind": ending.kind,
            "text": ending.progress.text,
            "model": ending.progress.model,
            **_context_usage(ending.progress),
            "worker": self.worker,
            "html": ending.html,
            "html_version": None if ending.html is None else markdown.VERSION,
            **_error(ending.error),
            "numbers": [numbered.number for numbered in ending.cited],
            "documents": [place.document_id for place in places],
            "files": [place.file_name for place in places],
            "pages": [place.page for place in places],
            "starts": [place.start for place in places],
            "ends": [place.end for place in places],
        }
        async with self._database.connection() as connection:
            await connection.execute(self._queries["finish"], facts)

    async def interrupt_leftovers(self, workers: int) -> int:
        """Mark the answers that this worker left unfinished when it was killed; return how many."""
        facts = {"worker": self.worker, "workers": workers, **InterruptedAnswerError().as_json()}
        async with self._database.connection() as connection:
            return (await connection.execute(self._queries["interrupt"], facts)).rowcount

    async def interrupt_one(self, message_id: UUID) -> None:
        """Mark an answer of this worker that no task writes."""
        facts = {"id": message_id, "worker": self.worker, **InterruptedAnswerError().as_json()}
        async with self._database.connection() as connection:
            await connection.execute(self._queries["interrupt_one"], facts)

    async def unfinished(self, reader: UUID, conversation_id: UUID) -> list[Unfinished]:
        """Return the answers of a conversation that are being written."""
        facts = {"reader": reader, "conversation": conversation_id}
        return await fetch_records(self._database, Unfinished, self._queries["unfinished"], facts)

    async def notify(self, notice: str) -> None:
        """Send a notice to all chat servers."""
        async with self._database.connection() as connection:
            await connection.execute(self._queries["notify"], {"notice": notice})


def _context_usage(progress: Progress) -> dict[str, int | None]:
    usage = progress.context_usage
    return {
        "found": usage.found if usage else None,
        "used": usage.used if usage else None,
        "shortened": usage.shortened if usage else None,
        "left_out": usage.questions_left_out if usage else None,
    }


def _error(error: ApplianceError | None) -> dict[str, str | None]:
    if error is None:
        return {"error_code": None, "error_message": None, "error_hint": None}
    return {
        "error_code": error.code,
        "error_message": error.message,
        "error_hint": error.advice,
    }
