"""Ask the database, but do not wait long: the console must answer when nothing else does."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from appliance.core.clock import Clock
from appliance.core.deadline import abandon_after
from appliance.core.errors import ApplianceError, DatabaseUnavailableError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
_PATIENCE_SECONDS = 2.0
_SHORT_SECONDS = 0.25
_REST_SECONDS = 2.0


class Breaker:
    """Knows whether the database answers.

    After a question without an answer the next ones are given little time for a moment, so that
    a page with five questions does not take five times as long. They are asked all the same: a
    database that is back is noticed at once.
    """

    def __init__(
        self, clock: Clock, *, patience: float = _PATIENCE_SECONDS, short: float = _SHORT_SECONDS
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._short = short
        self._until = float("-inf")

    def answered(self) -> None:
        """Record that the database has just answered another request: the outage is over."""
        self._until = float("-inf")

    async def ask(self, question: Callable[[], Awaitable[Value]]) -> Value:
        """Return the answer to something that only reads. Raises DatabaseUnavailableError.

        A database without our tables, or with those of another version, counts as no answer: the
        migration failed then, and the console must show why.
        """
        resting = self._clock.monotonic() < self._until

        async def asked() -> Value:
            return await question()

        try:
            return await abandon_after(self._short if resting else self._patience, asked())
        except (DatabaseUnavailableError, TimeoutError, psycopg.ProgrammingError) as error:
            # Short questions do not prolong the rest, so that a slow database gets its time again.
            if not resting:
                self._until = self._clock.monotonic() + _REST_SECONDS
            if isinstance(error, psycopg.ProgrammingError):
                logger.warning("the database is not as it should be: %s", error)
            raise DatabaseUnavailableError from error


@dataclass(frozen=True, slots=True)
class Partial(Generic[Value]):
    """A part of a page that may fail alone: either a value or what is wrong."""

    value: Value | None = None
    problem: ApplianceError | None = None


async def load_partial(question: Callable[[], Awaitable[Value]]) -> Partial[Value]:
    """Ask for a part of a page; what can be said in words does not take the page with it."""
    try:
        return Partial(await question())
    except ApplianceError as problem:
        return Partial(problem=problem)
