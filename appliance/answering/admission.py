"""Who may use the model now, and who waits: people take turns, however much each has asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from uuid import UUID

from appliance.answering.errors import TooManyOfYoursWaitingError, TooManyWaitingError

MOST_WAITING = 1000
MOST_WAITING_OF_ONE = 20


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

    The queue is served in rounds, and in each round every account that waits has one question
    answered, in the order of arrival. So twenty questions of one person make each of the others
    wait for one of them, and not for twenty. Who comes anew joins the round that is under way.
    """

    def __init__(
        self,
        slots: int,
        *,
        most_waiting: int = MOST_WAITING,
        most_waiting_of_one: int = MOST_WAITING_OF_ONE,
    ) -> None:
        self._slots = slots
        self._most_waiting = most_waiting
        self._most_waiting_of_one = most_waiting_of_one
        self._waiting: list[Ticket] = []
        self._round = 0
        # The round in which each account had its last turn, as long as that says something.
        self._last_turn: dict[UUID, int] = {}
        self._running = 0

    @property
    def running(self) -> int:
        """How many places are lent."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def ticket(self, account_id: UUID) -> Iterator[Ticket]:
        """Queue up; the place or the slot is given back at the end of the block.

        Raises TooManyOfYoursWaitingError and TooManyWaitingError.
        """
        of_this_one = sum(ticket.account_id == account_id for ticket in self._waiting)
        if of_this_one >= self._most_waiting_of_one:
            raise TooManyOfYoursWaitingError(limit=self._most_waiting_of_one)
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
            self._running -= 1
        else:
            self._waiting.remove(ticket)

    def _advance(self) -> None:
        while self._waiting and self.running < self._slots:
            turn, _, following = self._in_order()[0]
            self._waiting.remove(following)
            self._take_turn(following.account_id, turn)
            self._running += 1
            following.move(0, admitted=True)
        for ahead, (_, _, ticket) in enumerate(self._in_order()):
            ticket.move(ahead, admitted=False)

    def _take_turn(self, account_id: UUID, turn: int) -> None:
        self._round = turn
        self._last_turn[account_id] = turn
        self._last_turn = {who: last for who, last in self._last_turn.items() if last >= turn}

    def _in_order(self) -> list[tuple[int, int, Ticket]]:
        """Return who waits with round and arrival: an account's questions take a round each."""
        before: Counter[UUID] = Counter()
        ranked = []
        for arrival, ticket in enumerate(self._waiting):
            first = max(self._round, self._last_turn.get(ticket.account_id, 0) + 1)
            ranked.append((first + before[ticket.account_id], arrival, ticket))
            before[ticket.account_id] += 1
        return sorted(ranked, key=lambda rank: rank[:2])
