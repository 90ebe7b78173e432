"""The last lines of a unit in memory, for any number of followers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

KEPT_LINES = 1000


class LogBuffer:
    """The last lines of one unit, wherever they come from."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._followers: set[asyncio.Queue[str]] = set()

    def publish(self, line: str) -> None:
        """Keep a line, and give it to every follower."""
        self._lines.append(line)
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(line)

    def lines(self, count: int) -> tuple[str, ...]:
        """Return the last `count` lines."""
        return tuple(self._lines)[-count:] if count > 0 else ()

    async def follow(self) -> AsyncIterator[str]:
        """Yield lines as they come. A follower that is too slow misses lines; others do not."""
        queue: asyncio.Queue[str] = asyncio.Queue(KEPT_LINES)
        self._followers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)
