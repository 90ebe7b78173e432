"""Share a number of slots among accounts, which take turns."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from appliance.core.clock import Clock
from appliance.core.errors import BusyError
from appliance.shares.errors import ShareUsedError
from appliance.shares.model import Limit, Place, Sharer

# A client is never asked to wait longer; nor less, because each attempt costs something.
_LONGEST_RETRY, _SHORTEST_RETRY = 120, 1
# What a client is asked to wait while no request has ended yet.
_FIRST_RETRY = 5
# How much the newest duration counts in the average.
_WEIGHT_OF_NEWEST = 0.2
# How often a waiting request looks whether its client has left.
_LOOK_SECONDS = 1.0


class Ticket:
    """A place in the queue, and later one of the slots. Leaving twice does nothing."""

    def __init__(
        self, admission: Admission, account_id: Sharer, on_leave: Callable[[], None]
    ) -> None:
        self.account_id = account_id
        self.on_leave = on_leave
        self.admitted_at: float | None = None
        self.is_gone = False
        self.moved = asyncio.Event()
        self._admission = admission

    @property
    def admitted(self) -> bool:
        """Whether the ticket holds a slot."""
        return self.admitted_at is not None

    @property
    def place(self) -> Place:
        """The place in the queue."""
        return self._admission.place_of(self)

    async def places(self) -> AsyncGenerator[Place, None]:
        """Yield the place in the queue, at each change; end when a slot is free."""
        with self._admission.watched(self):
            while not self.admitted:
                self.moved.clear()
                yield self.place
                if not self.admitted:
                    await self.moved.wait()

    async def until_admitted(self, is_abandoned: Callable[[], bool] = lambda: False) -> None:
        """Wait for a slot. Raises ConnectionResetError when the client has left."""
        while not self.admitted:
            if is_abandoned():
                raise ConnectionResetError
            self.moved.clear()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self.moved.wait()
            except TimeoutError:
                continue

    def step_back(self) -> None:
        """Give the slot to the next in turn, and wait for another one: for work in parts."""
        self._admission.requeue(self)

    def leave(self) -> None:
        """Give the slot or the place in the queue back."""
        self._admission.leave(self)


class Admission:
    """Lends slots; one account has at most `limit.of_one` of them at once.

    Without a session, a network takes the place of the account.

    The queue is served in rounds. In each round, one request of every waiting account is served,
    in the order of arrival. Twenty requests of one account therefore delay another account by one
    request, not by twenty. A new account joins the current round.
    """

    def __init__(self, limit: Limit, refusal: type[ShareUsedError], clock: Clock) -> None:
        """Take `refusal`, which an account gets that has too much waiting already."""
        self._limit = limit
        self._refusal = refusal
        self._clock = clock
        # The tickets of each account that waits, in the order of arrival.
        self._waiting: dict[Sharer, deque[Ticket]] = {}
        self._arrivals: dict[Ticket, int] = {}
        self._arrived = 0
        self._round = 0
        # The round of each account's last turn, as long as it affects the order.
        self._last_turn: dict[Sharer, int] = {}
        self._running: Counter[Sharer] = Counter()
        self._watched: set[Ticket] = set()
        self._places: dict[Ticket, int] | None = None
        self._average: float | None = None

    @property
    def running(self) -> int:
        """How many slots are in use."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._arrivals)

    def enter(
        self,
        account_id: Sharer,
        *,
        is_urgent: bool = False,
        on_leave: Callable[[], None] = lambda: None,
    ) -> Ticket:
        """Join the queue; the caller must `leave` the ticket, whatever happens.

        An urgent request goes before the others of its account. `on_leave` is called once when the
        ticket leaves, also when it is refused.
        Raises the error of an account that has too much waiting already, and BusyError when the
        queue is full; neither for an urgent request, whose number the caller bounds.
        """
        ticket = Ticket(self, account_id, on_leave)
        self._join(ticket, is_urgent=is_urgent)
        if not is_urgent and not ticket.admitted:
            try:
                self._check(account_id)
            except BaseException:
                self.leave(ticket)
                raise
        return ticket

    @contextmanager
    def ticket(self, account_id: Sharer, *, is_urgent: bool = False) -> Iterator[Ticket]:
        """Join the queue for the length of the block. Raises what `enter` raises."""
        ticket = self.enter(account_id, is_urgent=is_urgent)
        try:
            yield ticket
        finally:
            ticket.leave()

    @asynccontextmanager
    async def turn(
        self,
        account_id: Sharer,
        *,
        is_urgent: bool = False,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the length of the block.

        Raises what `enter` raises, BusyError after the limit's patience, and ConnectionResetError
        when the client has left.
        """
        with self.ticket(account_id, is_urgent=is_urgent) as ticket:
            try:
                async with asyncio.timeout(self._limit.patience):
                    await ticket.until_admitted(is_abandoned)
            except TimeoutError as error:
                raise BusyError(seconds=self._retry_after(ticket.place)) from error
            yield

    def place_of(self, ticket: Ticket) -> Place:
        """Return the place of a ticket; the first one for a ticket that waits no longer."""
        if self._places is None:
            self._places = {each: ahead for ahead, each in enumerate(self._in_order())}
        ahead = self._places.get(ticket, 0)
        if self._average is None:
            return Place(ahead)
        return Place(ahead, round(self._average * (ahead + 1) / self._limit.at_once))

    @contextmanager
    def watched(self, ticket: Ticket) -> Iterator[None]:
        """Notify a ticket of each change of its place, not only of its admission."""
        self._watched.add(ticket)
        try:
            yield
        finally:
            self._watched.discard(ticket)

    def requeue(self, ticket: Ticket) -> None:
        """Put the holder of a slot at the end of its account's queue."""
        if ticket.admitted:
            self._release(ticket)
            self._join(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Remove a ticket, and let the next one in."""
        if ticket.is_gone:
            return
        ticket.is_gone = True
        if ticket.admitted:
            self._release(ticket)
        else:
            self._withdraw(ticket)
        self._advance()
        ticket.on_leave()

    def _join(self, ticket: Ticket, *, is_urgent: bool = False) -> None:
        self._arrived += 1
        self._arrivals[ticket] = self._arrived
        queue = self._waiting.setdefault(ticket.account_id, deque())
        queue.appendleft(ticket) if is_urgent else queue.append(ticket)
        self._advance()

    def _check(self, account_id: Sharer) -> None:
        """Refuse the ticket that has just joined, if it is one too many."""
        limit, own = self._limit, self._waiting[account_id]
        retry = self._retry_after(self.place_of(own[0]))
        # Where nothing may wait, the share of an account is what it has running.
        has_share = limit.waiting_of_one > 0 or self._running[account_id] >= limit.of_one
        if len(own) > limit.waiting_of_one and has_share:
            raise self._refusal(limit=limit.waiting_of_one or limit.of_one, seconds=retry)
        if self.waiting > limit.waiting:
            raise BusyError(seconds=retry)

    def _withdraw(self, ticket: Ticket) -> None:
        queue = self._waiting[ticket.account_id]
        queue.remove(ticket)
        if not queue:
            del self._waiting[ticket.account_id]
        del self._arrivals[ticket]

    def _release(self, ticket: Ticket) -> None:
        begun = self._clock.monotonic() if ticket.admitted_at is None else ticket.admitted_at
        lasted = self._clock.monotonic() - begun
        before = lasted if self._average is None else self._average
        self._average = before + (lasted - before) * _WEIGHT_OF_NEWEST
        ticket.admitted_at = None
        self._running[ticket.account_id] -= 1
        if not self._running[ticket.account_id]:
            del self._running[ticket.account_id]

    def _advance(self) -> None:
        while self.running < self._limit.at_once and (following := self._next()):
            turn = self._rank(following)[0]
            self._withdraw(following)
            self._take_turn(following.account_id, turn)
            self._running[following.account_id] += 1
            following.admitted_at = self._clock.monotonic()
            following.moved.set()
        self._places = None
        for ticket in self._watched:
            ticket.moved.set()

    def _next(self) -> Ticket | None:
        """Return the first ticket in order whose account may have another slot."""
        first = [
            queue[0]
            for account_id, queue in self._waiting.items()
            if self._running[account_id] < self._limit.of_one
        ]
        return min(first, key=self._rank, default=None)

    def _rank(self, ticket: Ticket, number: int = 0) -> tuple[int, int]:
        """Return the round and the arrival of the ticket that is `number` in its account's queue.

        Each request of an account takes a round of its own.
        """
        first = max(self._round, self._last_turn.get(ticket.account_id, 0) + 1)
        return first + number, self._arrivals[ticket]

    def _take_turn(self, account_id: Sharer, turn: int) -> None:
        self._round = turn
        self._last_turn[account_id] = turn
        self._last_turn = {who: last for who, last in self._last_turn.items() if last >= turn}

    def _in_order(self) -> list[Ticket]:
        """Return the waiting tickets, first one first."""
        ranked = [
            (self._rank(ticket, number), ticket)
            for queue in self._waiting.values()
            for number, ticket in enumerate(queue)
        ]
        return [ticket for _, ticket in sorted(ranked, key=lambda pair: pair[0])]

    def _retry_after(self, place: Place) -> int:
        seconds = _FIRST_RETRY if place.seconds is None else place.seconds
        return min(max(seconds, _SHORTEST_RETRY), _LONGEST_RETRY)
