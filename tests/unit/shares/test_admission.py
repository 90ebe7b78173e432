"""Slots are lent to few at a time, fairly, and come back from every end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from uuid import UUID

import pytest

from appliance.core.errors import BusyError
from appliance.shares.admission import Admission, Ticket
from appliance.shares.errors import TooManyOfYoursWaitingError, TooManyStreamsError
from appliance.shares.model import Limit, Place
from tests.fakes.clock import FakeClock

ALICE, BOB, CAROL = UUID(int=1), UUID(int=2), UUID(int=3)


def admission(
    slots: int,
    *,
    of_one: int | None = None,
    waiting: int = 1000,
    waiting_of_one: int = 20,
    patience: float | None = None,
    clock: FakeClock | None = None,
) -> Admission:
    limit = Limit(slots, of_one or slots, waiting, waiting_of_one, patience)
    return Admission(limit, TooManyOfYoursWaitingError, clock or FakeClock())


async def test_no_more_than_the_slots_run_at_once() -> None:
    queue = admission(2)
    with queue.ticket(ALICE) as first, queue.ticket(BOB) as second:
        with queue.ticket(CAROL) as third:
            assert (first.admitted, second.admitted, third.admitted) == (True, True, False)
            assert (queue.running, queue.waiting) == (2, 1)
        assert queue.waiting == 0
    assert queue.running == 0


async def test_one_account_leaves_slots_for_the_others() -> None:
    queue = admission(4, of_one=2)
    with ExitStack() as stack:
        own = [stack.enter_context(queue.ticket(ALICE)) for _ in range(5)]
        assert [ticket.admitted for ticket in own] == [True, True, False, False, False]
        assert stack.enter_context(queue.ticket(BOB)).admitted
        own[0].leave()
        assert own[2].admitted
        assert not own[3].admitted
    assert (queue.running, queue.waiting) == (0, 0)


def order(tickets: dict[str, Ticket]) -> list[str]:
    waiting = [name for name, ticket in tickets.items() if not ticket.admitted]
    return sorted(waiting, key=lambda name: tickets[name].place.ahead)


async def test_one_person_with_ten_questions_does_not_starve_another() -> None:
    queue = admission(1)
    async with AsyncExitStack() as stack:
        tickets = {
            f"alice {number}": stack.enter_context(queue.ticket(ALICE)) for number in range(10)
        }
        tickets["bob 0"] = stack.enter_context(queue.ticket(BOB))
        tickets["bob 1"] = stack.enter_context(queue.ticket(BOB))
        assert order(tickets)[:4] == ["bob 0", "alice 1", "bob 1", "alice 2"]


class Asked:
    """Questions that are answered one after the other, in the order that the queue gives."""

    def __init__(self, queue: Admission) -> None:
        self._queue = queue
        self._open: dict[str, Ticket] = {}

    def ask(self, name: str, account: UUID) -> None:
        self._open[name] = self._queue.enter(account)

    def leave(self, name: str) -> None:
        self._open.pop(name).leave()

    def answer(self) -> str:
        """Let the question end that has the slot now; say which one that was."""
        name = next(name for name, ticket in self._open.items() if ticket.admitted)
        self.leave(name)
        return name

    def answer_all(self) -> list[str]:
        return [self.answer() for _ in range(len(self._open))]


async def test_a_batch_of_one_person_goes_before_all_others_once() -> None:
    asked = Asked(admission(1))
    for number in range(20):
        asked.ask(f"alice {number}", ALICE)
    for number in range(8):
        asked.ask(f"single {number}", UUID(int=100 + number))
    singles = [f"single {number}" for number in range(8)]
    assert asked.answer_all()[:10] == ["alice 0", *singles, "alice 1"]


async def test_who_asks_again_and_again_does_not_starve_who_waits() -> None:
    asked = Asked(admission(1))
    for name, account in (("alice 0", ALICE), ("alice 1", ALICE), ("bob", BOB), ("carol", CAROL)):
        asked.ask(name, account)
    answered = []
    for _ in range(4):
        answered.append(asked.answer())
        if answered[-1] in {"bob", "carol"}:
            asked.ask(f"{answered[-1]} again", BOB if answered[-1] == "bob" else CAROL)
    assert answered == ["alice 0", "bob", "carol", "alice 1"]


async def test_questions_that_were_withdrawn_cost_no_turn() -> None:
    asked = Asked(admission(1))
    for number in range(10):
        asked.ask(f"alice {number}", ALICE)
    for number in range(1, 10):
        asked.leave(f"alice {number}")
    for number in range(3):
        asked.ask(f"bob {number}", BOB)
    asked.ask("alice again", ALICE)
    assert asked.answer_all() == ["alice 0", "bob 0", "bob 1", "alice again", "bob 2"]


async def test_work_in_parts_lets_the_others_in_between() -> None:
    queue = admission(1)
    with queue.ticket(ALICE) as large, queue.ticket(ALICE) as other, queue.ticket(BOB) as small:
        large.step_back()
        assert (large.admitted, other.admitted, small.admitted) == (False, False, True)
        small.leave()
        assert (large.admitted, other.admitted) == (False, True)
        other.leave()
        assert large.admitted
    assert (queue.running, queue.waiting) == (0, 0)


async def test_an_urgent_request_goes_before_the_others_of_its_account_alone() -> None:
    queue = admission(1, waiting_of_one=2)
    with ExitStack() as stack:
        stack.enter_context(queue.ticket(CAROL))
        bobs = stack.enter_context(queue.ticket(BOB))
        searches = [stack.enter_context(queue.ticket(ALICE)) for _ in range(2)]
        question = stack.enter_context(queue.ticket(ALICE, is_urgent=True))
        places = [ticket.place.ahead for ticket in (bobs, question, *searches)]
        assert places == [0, 1, 2, 3]


async def test_equals_come_in_the_order_of_arrival() -> None:
    queue = admission(1)
    with queue.ticket(CAROL), queue.ticket(ALICE) as first, queue.ticket(BOB) as second:
        assert (first.place.ahead, second.place.ahead) == (0, 1)


async def test_a_waiting_request_is_notified_of_each_new_place() -> None:
    queue = admission(1)
    places: list[int] = []

    async def wait() -> None:
        with queue.ticket(CAROL) as ticket:
            places.extend([place.ahead async for place in ticket.places()])

    async with asyncio.TaskGroup() as group:
        with queue.ticket(ALICE):
            with queue.ticket(BOB):
                group.create_task(wait())
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert places == [1, 0]


async def test_the_wait_is_estimated_from_how_long_others_took() -> None:
    clock = FakeClock()
    queue = admission(2, clock=clock)
    with queue.ticket(ALICE), queue.ticket(ALICE), queue.ticket(BOB) as waiting:
        assert waiting.place == Place(0, None)
    with queue.ticket(ALICE):
        clock.advance(40)
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(queue.ticket(ALICE))
        place = stack.enter_context(queue.ticket(ALICE)).place
        assert place.ahead == 3
        assert place.seconds is not None
        # Four requests before its end, two at a time; the average still remembers the first ones.
        assert 0 < place.seconds <= 80


async def test_a_ticket_comes_back_when_its_task_is_cancelled_at_any_moment() -> None:
    queue = admission(1)

    async def work() -> None:
        async with queue.turn(BOB):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    for steps in range(12):
        holder = queue.enter(ALICE)
        task = asyncio.ensure_future(work())
        for step in range(steps):
            if step == 3:
                holder.leave()
            await asyncio.sleep(0)
        task.cancel()
        # The slot becomes free in the same turn of the loop.
        holder.leave()
        await asyncio.wait([task])
        assert (queue.running, queue.waiting) == (0, 0), steps


async def test_who_leaves_while_waiting_gives_the_place_back() -> None:
    queue = admission(1)
    with queue.ticket(ALICE):
        is_gone = False
        task = asyncio.ensure_future(_turn(queue, lambda: is_gone))
        await asyncio.sleep(0)
        assert queue.waiting == 1
        is_gone = True
        with pytest.raises(ConnectionResetError):
            await task
        assert queue.waiting == 0


async def _turn(queue: Admission, is_abandoned: object) -> None:
    async with queue.turn(BOB, is_abandoned=is_abandoned):  # type: ignore[arg-type]
        pass


async def test_whose_turn_does_not_come_in_time_is_told_to_try_again() -> None:
    queue = admission(1, patience=0.01)
    with queue.ticket(ALICE), pytest.raises(BusyError) as refused:
        async with queue.turn(BOB):
            pass
    assert (refused.value.retry_after or 0) > 0
    assert (queue.running, queue.waiting) == (0, 0)


async def test_a_full_queue_says_so() -> None:
    queue = admission(1, waiting=1)
    with (
        queue.ticket(ALICE),
        queue.ticket(ALICE),
        pytest.raises(BusyError) as refused,
        queue.ticket(BOB),
    ):
        pass
    assert (refused.value.retry_after or 0) > 0
    assert (queue.running, queue.waiting) == (0, 0)


async def test_one_account_cannot_fill_the_queue_for_everybody() -> None:
    queue = admission(1)
    with ExitStack() as stack:
        for _ in range(21):
            stack.enter_context(queue.ticket(ALICE))
        with pytest.raises(TooManyOfYoursWaitingError, match="20 of your questions"):
            stack.enter_context(queue.ticket(ALICE))
        bobs = stack.enter_context(queue.ticket(BOB))
        assert bobs.place.ahead == 0


async def test_where_nothing_waits_the_share_is_what_runs() -> None:
    limit = Limit(at_once=3, of_one=2, waiting=0, waiting_of_one=0)
    queue = Admission(limit, TooManyStreamsError, FakeClock())
    with queue.ticket(ALICE), queue.ticket(ALICE):
        with pytest.raises(TooManyStreamsError, match="has 2 "), queue.ticket(ALICE):
            pass
        with queue.ticket(BOB) as bobs:
            assert bobs.admitted
            # Now it is the machine that has no room, not the account.
            with pytest.raises(BusyError), queue.ticket(BOB):
                pass


async def test_a_free_slot_is_lent_at_once_whatever_the_queue_of_others() -> None:
    queue = admission(2, of_one=1, waiting_of_one=1)
    with ExitStack() as stack:
        stack.enter_context(queue.ticket(ALICE))
        stack.enter_context(queue.ticket(ALICE))
        assert stack.enter_context(queue.ticket(BOB)).admitted
