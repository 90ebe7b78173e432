"""The interface that runs the units: as children of the supervisor, or through systemd."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from appliance.units.model import Unit, UnitStatus

# How long a unit may take to stop that does not answer: everybody waits for the next one. Each unit
# survives SIGKILL, since the power may fail as well.
HUNG_GRACE = 1.0


class UnitDriver(Protocol):
    """Runs units; an administrator may also start and stop a unit without it."""

    @property
    def keeps_units(self) -> bool:
        """Whether units go on when the supervisor ends, and the next one takes them over."""
        ...

    async def clean(self) -> tuple[str, ...]:
        """End what an earlier supervisor left behind, and return the units it found."""
        ...

    async def start(self, unit: Unit) -> None:
        """Prepare and start a unit that does not run; what goes wrong is in its status."""
        ...

    async def stop(self, unit: Unit, *, again: bool = False, hung: bool = False) -> None:
        """Stop a unit and everything it started: politely first, and by force at the end.

        `again` says that it starts right afterwards, so that its clients may wait. `hung` says that
        it does not answer: the driver need not wait for what it has begun.
        """
        ...

    async def reload(self, unit: Unit) -> None:
        """Let a unit read its files again with SIGHUP; one that does not run is left alone.

        Raises ApplianceError where the system refuses it.
        """
        ...

    def status(self, name: str) -> UnitStatus:
        """Return what is known about a unit. Raises UnitUnknownError."""
        ...

    async def changed(self) -> str:
        """Wait for the next change of any unit's state, and return the unit's name."""
        ...

    def lines(self, name: str, count: int) -> tuple[str, ...]:
        """Return the last lines of a unit's log. Raises UnitUnknownError."""
        ...

    def follow(self, name: str) -> AsyncIterator[str]:
        """Yield a unit's lines as they come, without end. Raises UnitUnknownError."""
        ...
