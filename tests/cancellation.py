"""Cancel work at each of its waits, the first, the second and so on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any


class Moment(Enum):
    """When a cancellation arrives: during a wait, or in the turn of the loop in which it ends."""

    DURING = auto()
    WITH_THE_RESULT = auto()


@dataclass
class CancelledAt:
    """Awaits `work`, and cancels the task that does so at its wait number `number`."""

    work: Coroutine[Any, Any, object]
    number: int
    moment: Moment
    reached: bool = False

    def __await__(self) -> Generator[Any, None, object]:
        step: Callable[[], Any] = partial(self.work.send, None)
        for number in itertools.count(1):
            try:
                awaited = step()
            except StopIteration as ended:
                return ended.value
            if number == self.number:
                self._cancel(awaited)
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001 - passed on as it is
                step = partial(self.work.throw, error)
            else:
                step = partial(self.work.send, None)
        raise AssertionError

    def _cancel(self, awaited: asyncio.Future[Any] | None) -> None:
        self.reached = True
        task = asyncio.current_task()
        assert task is not None
        if awaited is None or self.moment is Moment.DURING:
            task.cancel()
        else:
            awaited.add_done_callback(lambda _: task.cancel())


async def cancelled_at_each_wait(
    work: Callable[[], Coroutine[Any, Any, object]], moment: Moment
) -> AsyncIterator[int]:
    """Do the work again and again, each time cancelled one wait later; yield after each time.

    The last time it ends before its cancellation. What it raises does not matter here, but it has
    to end.
    """
    for number in itertools.count(1):
        cancelled = CancelledAt(work(), number, moment)

        async def wait(cancelled: CancelledAt = cancelled) -> None:
            await cancelled

        task = asyncio.create_task(wait())
        ended, _ = await asyncio.wait({task}, timeout=20)
        assert ended, f"the work went on after its cancellation at wait {number}"
        if not task.cancelled():
            # Read, so that asyncio does not report it.
            task.exception()
        yield number
        if not cancelled.reached:
            return
