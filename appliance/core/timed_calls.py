"""Calls to the system that may never return, such as those to a share whose server is away.

Nothing can end a call that the kernel holds up. Its thread is left behind: it keeps no process
alive, and takes no place in the pool of threads that the rest of the process uses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# For so long a call that is under way may still return when its caller is cancelled.
_LAST_SECONDS = 2.0


class NoAnswerError(Exception):
    """A call has not returned in time."""


@dataclass(slots=True, eq=False)
class TimedCalls:
    """Carries out calls to one place, each in a thread of its own, and waits `patience` seconds.

    While a call is overdue, each further one is refused: it would only wait as well.
    """

    patience: float
    _overdue: set[asyncio.Future[Any]] = field(default_factory=set)

    async def run(
        self,
        function: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Return what the call returns. Raises what it raises, and NoAnswerError."""
        if self._overdue:
            raise NoAnswerError
        outcome: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(self._returned)
        call = _Call(outcome, lambda: function(*arguments, **named))
        Thread(target=call.carry_out, name="a timed call", daemon=True).start()
        try:
            await asyncio.wait({outcome}, timeout=self.patience)
        except asyncio.CancelledError:
            # What the call uses must not be closed while it goes on.
            await asyncio.wait({outcome}, timeout=_LAST_SECONDS)
            raise
        finally:
            if not outcome.done():
                self._overdue.add(outcome)
        if not outcome.done():
            raise NoAnswerError
        return outcome.result()

    def _returned(self, outcome: asyncio.Future[Any]) -> None:
        self._overdue.discard(outcome)
        # The error of a call that is not awaited any more is of no use to anyone.
        outcome.exception()


@dataclass(frozen=True, slots=True)
class _Call:
    outcome: asyncio.Future[Any]
    function: Callable[[], Any]

    def carry_out(self) -> None:
        """Make the call, and report its end to the loop, if that still runs."""
        loop = self.outcome.get_loop()
        try:
            result = self.function()
        except BaseException as error:  # noqa: BLE001 - it is raised where the call is awaited
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.outcome.set_exception, error)
        else:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.outcome.set_result, result)
