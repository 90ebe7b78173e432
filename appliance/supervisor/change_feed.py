"""Notifies subscribers which units have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable


class ChangeFeed:
    """Any number of subscribers; a slow one gets several changes as one."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._pending: dict[asyncio.Event, set[str]] = {}

    def publish(self, name: str) -> None:
        """Say that a unit has changed."""
        for event, names in self._pending.items():
            names.add(name)
            event.set()

    async def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of the units that changed; the first time at once, with all names.

        A subscriber that then shows each named unit as it is misses nothing.
        """
        event, names = asyncio.Event(), set(self._names)
        event.set()
        self._pending[event] = names
        try:
            while True:
                await event.wait()
                event.clear()
                changed = tuple(name for name in self._names if name in names)
                names.clear()
                yield changed
        finally:
            del self._pending[event]
