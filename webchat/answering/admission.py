"""Who may use the model now, and who waits: first come, first served, but fair between people."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from uuid import UUID

from webchat.answering.errors import TooManyWaitingError

MOST_WAITING = 1000


class Ticket:
    """A place in the queue, and later one of the slots."""

    def __init__(self, account_id: UUID) -> None:
        self.account_id = account_id
        self.admitted = False
        self.ahead = 0
        self._moved = asyncio.Event()

    def move(self, ahead: int, *, admitted: bool) -> None:
        """Tell the one who waits about a new place, if it is one."""
        if (ahead, admitted) != (self.ahead, self.admitted):
            self.ahead, self.admitted = ahead, admitted
            self._moved.set()

    async def places(self) -> AsyncGenerator[int, None]:
        """Yield how many come before this one, each time that changes; end when it is its turn."""
        while not self.admitted:
            self._moved.clear()
            yield self.ahead
            await self._moved.wait()


class Admission:
    """Lends at most `slots` places at the model.

    Next is the account that has the fewest answers running, counting for each of its waiting
    questions those before it; between equals, the earlier one. So ten questions of one person
    make another person's first one wait for a single place, not for ten.
    """

    def __init__(self, slots: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._slots = slots
        self._most_waiting = most_waiting
        self._running: Counter[UUID] = Counter()
        self._waiting: list[Ticket] = []

    @property
    def running(self) -> int:
        """How many places are lent."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def ticket(self, account_id: UUID) -> Iterator[Ticket]:
        """Queue up; the place or the slot is given back at the end of the block."""
        if len(self._waiting) >= self._most_waiting:
            raise TooManyWaitingError(limit=self._most_waiting)
        ticket = Ticket(account_id)
        self._waiting.append(ticket)
        self._advance()
        try:
            yield ticket
        finally:
            self._leave(ticket)
            self._advance()

    def _leave(self, ticket: Ticket) -> None:
        if ticket.admitted:
            self._running[ticket.account_id] -= 1
        else:
            self._waiting.remove(ticket)

    def _advance(self) -> None:
        while self._waiting and self.running < self._slots:
            following = self._in_order()[0]
            self._waiting.remove(following)
            self._running[following.account_id] += 1
            following.move(0, admitted=True)
        for ahead, ticket in enumerate(self._in_order()):
            ticket.move(ahead, admitted=False)

    def _in_order(self) -> list[Ticket]:
        burden = self._running.copy()
        ranked = []
        for arrival, ticket in enumerate(self._waiting):
            ranked.append((burden[ticket.account_id], arrival, ticket))
            burden[ticket.account_id] += 1
        ranked.sort(key=lambda rank: rank[:2])
        return [ticket for _, _, ticket in ranked]
