"""What the console asks of the supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from appliance.supervisor.model import UnitView


class Units(Protocol):
    """The supervisor, as far as the console needs it."""

    def units(self) -> list[UnitView]:
        """Return every unit, in the catalogue's order."""
        ...

    def view(self, name: str) -> UnitView:
        """Return one unit. Raises UnitUnknownError."""
        ...

    async def start(self, name: str, by: str) -> None:
        """Request that a unit runs. Raises UnitUnknownError."""
        ...

    async def stop(self, name: str, by: str) -> None:
        """Request that a unit stops. Raises UnitUnknownError."""
        ...

    async def restart(self, name: str, by: str) -> None:
        """Request that a unit is stopped and started. Raises UnitUnknownError."""
        ...

    def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of units that changed; the first time at once, with all names."""
        ...

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines of a unit's log. Raises UnitUnknownError."""
        ...

    def follow(self, name: str) -> AsyncIterator[str]:
        """Yield a unit's lines as they come, without end. Raises UnitUnknownError."""
        ...
