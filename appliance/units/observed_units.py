"""What a driver knows about its units, and how the supervisor and the console read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from appliance.core.clock import Clock
from appliance.units.errors import UnitUnknownError
from appliance.units.log_buffer import LogBuffer
from appliance.units.model import UnitState, UnitStatus


class ObservedUnits:
    """The state and the last lines of each unit: the half of a UnitDriver that only reads.

    A driver extends it, and publishes each change of a state.
    """

    def __init__(self, buffers: Mapping[str, LogBuffer], clock: Clock) -> None:
        stopped = UnitStatus(UnitState.STOPPED, clock.now(), clock.monotonic())
        self._buffers = buffers
        self._statuses = dict.fromkeys(buffers, stopped)
        self._changes: asyncio.Queue[str] = asyncio.Queue()

    def status(self, name: str) -> UnitStatus:
        """Return what is known about a unit. Raises UnitUnknownError."""
        if name not in self._statuses:
            raise UnitUnknownError(unit=name)
        return self._statuses[name]

    async def changed(self) -> str:
        """Wait for the next change of any unit's state, and return the unit's name."""
        return await self._changes.get()

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines of a unit's log. Raises UnitUnknownError."""
        self.status(name)
        return self._buffers[name].lines(count)

    def follow(self, name: str) -> AsyncIterator[str]:
        """Yield a unit's lines as they come, without end. Raises UnitUnknownError."""
        self.status(name)
        return self._buffers[name].follow()

    def _publish_status(self, name: str, status: UnitStatus) -> None:
        self._statuses[name] = status
        self._changes.put_nowait(name)
