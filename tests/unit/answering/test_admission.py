"""The model is lent to few at a time, fairly."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from uuid import UUID

import pytest

from appliance.answering.admission import Admission, Ticket
from appliance.answering.errors import TooManyOfYoursWaitingError, TooManyWaitingError

ALICE, BOB, CAROL = UUID(int=1), UUID(int=2), UUID(int=3)


async def test_no_more_than_the_slots_run_at_once() -> None:
    admission = Admission(2)
    with admission.ticket(ALICE) as first, admission.ticket(BOB) as second:
        with admission.ticket(CAROL) as third:
            assert (first.admitted, second.admitted, third.admitted) == (True, True, False)
            assert (admission.running, admission.waiting) == (2, 1)
        assert admission.waiting == 0


def order(admission: Admission, tickets: dict[str, Ticket]) -> list[str]:
    waiting = [name for name, ticket in tickets.items() if not ticket.admitted]
    return sorted(waiting, key=lambda name: tickets[name].ahead)


async def test_one_person_with_ten_questions_does_not_starve_another() -> None:
    admission = Admission(1)
    async with AsyncExitStack() as stack:
        tickets = {
            f"alice {number}": stack.enter_context(admission.ticket(ALICE)) for number in range(10)
        }
        tickets["bob 0"] = stack.enter_context(admission.ticket(BOB))
        tickets["bob 1"] = stack.enter_context(admission.ticket(BOB))
        assert order(admission, tickets)[:4] == ["bob 0", "alice 1", "bob 1", "alice 2"]


class Asked:
    """Questions that are answered one after the other, in the order that the queue gives."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._open: dict[str, tuple[ExitStack, Ticket]] = {}

    def ask(self, name: str, account: UUID) -> None:
        stack = ExitStack()
        self._open[name] = (stack, stack.enter_context(self._admission.ticket(account)))

    def leave(self, name: str) -> None:
        self._open.pop(name)[0].close()

    def answer(self) -> str:
        """Let the question end that has the place now; say which one that was."""
        name = next(name for name, (_, ticket) in self._open.items() if ticket.admitted)
        self.leave(name)
        return name

    def answer_all(self) -> list[str]:
        return [self.answer() for _ in range(len(self._open))]


async def test_a_batch_of_one_person_goes_before_all_others_once() -> None:
    asked = Asked(Admission(1))
    for number in range(20):
        asked.ask(f"alice {number}", ALICE)
    for number in range(8):
        asked.ask(f"single {number}", UUID(int=100 + number))
    singles = [f"single {number}" for number in range(8)]
    assert asked.answer_all()[:10] == ["alice 0", *singles, "alice 1"]


async def test_who_asks_again_and_again_does_not_starve_who_waits() -> None:
    asked = Asked(Admission(1))
    for name, account in (("alice 0", ALICE), ("alice 1", ALICE), ("bob", BOB), ("carol", CAROL)):
        asked.ask(name, account)
    answered = []
    for _ in range(4):
        answered.append(asked.answer())
        if answered[-1] in {"bob", "carol"}:
            asked.ask(f"{answered[-1]} again", BOB if answered[-1] == "bob" else CAROL)
    assert answered == ["alice 0", "bob", "carol", "alice 1"]


async def test_questions_that_were_withdrawn_cost_no_turn() -> None:
    asked = Asked(Admission(1))
    for number in range(10):
        asked.ask(f"alice {number}", ALICE)
    for number in range(1, 10):
        asked.leave(f"alice {number}")
    for number in range(3):
        asked.ask(f"bob {number}", BOB)
    asked.ask("alice again", ALICE)
    assert asked.answer_all() == ["alice 0", "bob 0", "bob 1", "alice again", "bob 2"]


async def test_equals_come_in_the_order_of_arrival() -> None:
    admission = Admission(1)
    with (
        admission.ticket(CAROL),
        admission.ticket(ALICE) as first,
        admission.ticket(BOB) as second,
    ):
        assert (first.ahead, second.ahead) == (0, 1)


async def test_a_waiting_request_is_notified_of_each_new_place() -> None:
    admission = Admission(1)
    places: list[int] = []

    async def wait() -> None:
        with admission.ticket(CAROL) as ticket:
            places.extend([ahead async for ahead in ticket.positions()])

    async with asyncio.TaskGroup() as group:
        with admission.ticket(ALICE):
            with admission.ticket(BOB):
                group.create_task(wait())
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert places == [1, 0]


async def test_who_leaves_while_waiting_gives_the_place_back() -> None:
    admission = Admission(1)

    async def wait() -> None:
        with admission.ticket(BOB) as ticket:
            async for _ in ticket.positions():
                pass

    with admission.ticket(ALICE):
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert admission.waiting == 0
    assert admission.running == 0


async def test_a_full_queue_says_so() -> None:
    admission = Admission(1, max_waiting=1)
    with (
        admission.ticket(ALICE),
        admission.ticket(ALICE),
        pytest.raises(TooManyWaitingError),
        admission.ticket(BOB),
    ):
        pass


async def test_one_account_cannot_fill_the_queue_for_everybody() -> None:
    admission = Admission(1)
    with ExitStack() as stack:
        for _ in range(21):
            stack.enter_context(admission.ticket(ALICE))
        with pytest.raises(TooManyOfYoursWaitingError, match="20 of your questions"):
            stack.enter_context(admission.ticket(ALICE))
        bobs = stack.enter_context(admission.ticket(BOB))
        assert bobs.ahead == 0
