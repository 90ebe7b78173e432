"""Share the slots of the model among the accounts, which take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from uuid import UUID

from appliance.answering.errors import TooManyOfYoursWaitingError, TooManyWaitingError

MAX_WAITING = 1000
MAX_WAITING_PER_ACCOUNT = 20


class Ticket:
    """A place in the queue, and later one of the slots."""

    def __init__(self, account_id: UUID) -> None:
        self.account_id = account_id
        self.admitted = False
        self.ahead = 0
        self._moved = asyncio.Event()

    def move(self, ahead: int, *, admitted: bool) -> None:
        """Update the position; wake the waiting request if it changed."""
        if (ahead, admitted) != (self.ahead, self.admitted):
            self.ahead, self.admitted = ahead, admitted
            self._moved.set()

    async def positions(self) -> AsyncGenerator[int, None]:
        """Yield the number of requests ahead, at each change; end when a slot is free."""
        while not self.admitted:
            self._moved.clear()
            yield self.ahead
            await self._moved.wait()


class Admission:
    """Lends at most `slots` slots of the model.

    The queue is served in rounds. In each round, one question of every waiting account is
    answered, in the order of arrival. Twenty questions of one account therefore delay another
    account by one answer, not by twenty. A new account joins the current round.
    """

    def __init__(
        self,
        slots: int,
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_per_account: int = MAX_WAITING_PER_ACCOUNT,
    ) -> None:
        self._slots = slots
        self._most_waiting = max_waiting
        self._most_waiting_of_one = max_waiting_per_account
        self._waiting: list[Ticket] = []
        self._round = 0
        # The round of each account's last turn, as long as it affects the order.
        self._last_turn: dict[UUID, int] = {}
        self._running = 0

    @property
    def running(self) -> int:
        """How many slots are in use."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @contextmanager
    def ticket(self, account_id: UUID) -> Iterator[Ticket]:
        """Join the queue; leaving the block releases the position or the slot.

        Raises TooManyOfYoursWaitingError and TooManyWaitingError.
        """
        of_this_account = sum(ticket.account_id == account_id for ticket in self._waiting)
        if of_this_account >= self._most_waiting_of_one:
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
        """Return the waiting tickets with their round and arrival, first one first.

        Each question of an account takes a round of its own.
        """
        before: Counter[UUID] = Counter()
        ranked = []
        for arrival, ticket in enumerate(self._waiting):
            first = max(self._round, self._last_turn.get(ticket.account_id, 0) + 1)
            ranked.append((first + before[ticket.account_id], arrival, ticket))
            before[ticket.account_id] += 1
        return sorted(ranked, key=lambda rank: rank[:2])
