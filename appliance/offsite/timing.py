"""When copies may be made, how fast, and when a failed one is tried again. Pure, but for a wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from appliance.core.clock import Clock
from appliance.offsite.errors import TargetSilentError
from appliance.offsite.places.place import SILENCE_SECONDS

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a day in which copies may be made, in local time; it may span midnight."""

    opens: time
    closes: time

    @classmethod
    def of(cls, opens: str, closes: str) -> Window | None:
        """Return the window of a target; None when it is always open."""
        if not opens or not closes:
            return None
        return cls(time.fromisoformat(opens), time.fromisoformat(closes))

    def is_open(self, now: datetime) -> bool:
        """Say whether a copy may be made at a local time."""
        at = now.time()
        if self.opens < self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes

    def next_opening(self, now: datetime) -> datetime:
        """Return when it opens next, after a local time."""
        today = now.replace(hour=self.opens.hour, minute=self.opens.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)


def pause_after(failures: int, share: float) -> timedelta:
    """Return how long to wait after so many failures in a row: it doubles, to six hours.

    `share`, from 0 to 1, is random: copies of many machines do not all come back at once.
    """
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    doubled = _FIRST_PAUSE * (1 << doublings)
    return min(doubled, _LONGEST_PAUSE) * (0.5 + share / 2)


class WindowClosedError(Exception):
    """The time of the day in which copies may be made is over."""


@dataclass(slots=True)
class Line:
    """The way to a target, while a copy is made: not too fast, not silent, not at other times.

    `limit` is in bytes a second, 0 for none.
    """

    clock: Clock
    place: str
    limit: int = 0
    window: Window | None = None
    silence: float = SILENCE_SECONDS
    sent: int = 0
    _free_at: float = field(default=float("-inf"))
    _deadline: asyncio.Timeout | None = None

    async def pace(self, size: int) -> None:
        """Wait until so many bytes may be sent. Raises WindowClosedError."""
        self.expect_open()
        self.sent += size
        wait = 0.0
        if self.limit:
            now = self.clock.monotonic()
            self._free_at = max(self._free_at, now) + size / self.limit
            wait = self._free_at - now
        if self._deadline is not None and not self._deadline.expired():
            loop = asyncio.get_running_loop()
            self._deadline.reschedule(loop.time() + wait + self.silence)
        if wait > 0:
            await self.clock.sleep(wait)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch the block: a byte must go out every so often.

        Raises TargetSilentError and WindowClosedError.
        """
        self.expect_open()
        try:
            async with asyncio.timeout(self.silence) as self._deadline:
                yield
        except TimeoutError as error:
            raise TargetSilentError(place=self.place, seconds=round(self.silence)) from error
        finally:
            self._deadline = None

    def expect_open(self) -> None:
        """Raise WindowClosedError when copies may not be made now."""
        if self.window and not self.window.is_open(self.clock.now().astimezone()):
            raise WindowClosedError
