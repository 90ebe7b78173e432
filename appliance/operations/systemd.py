"""Operations as oneshot services of systemd: each has the rights of its unit file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.process import run
from appliance.operations.errors import OperationLostError
from appliance.operations.model import Operation
from appliance.units.bus import MANAGER, PROPERTIES, ROOT, SYSTEM_BUS, SYSTEMD, Bus, Signal

_POLL_SECONDS = 0.2
_ACTIVE = ("activating", "active", "deactivating", "reloading")
_SYSTEMCTL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SystemdOperations:
    """A Starter for the supervisor, which polkit lets start and stop these units."""

    clock: Clock
    address: str = SYSTEM_BUS

    @property
    def keeps_operations(self) -> bool:
        """The units belong to systemd."""
        return True

    async def runs(self, operation: Operation) -> bool:
        """Say whether the unit works, or is about to. Raises SystemBusError."""
        async with self._bus() as bus:
            (path,) = await bus.call(ROOT, (MANAGER, "LoadUnit"), "s", (operation.unit,))
            get = (PROPERTIES, "GetAll")
            (found,) = await bus.call(path, get, "s", (f"{SYSTEMD}.Unit",))
        number, _ = found.get("Job", (0, "/"))
        return bool(number) or found["ActiveState"] in _ACTIVE

    async def start(self, operation: Operation) -> None:
        """Start the unit. Raises SystemBusError and SystemdRefusedError."""
        async with self._bus() as bus:
            await bus.call(ROOT, (MANAGER, "StartUnit"), "ss", (operation.unit, "fail"))

    async def stop(self, operation: Operation) -> None:
        """Stop the unit, and wait for its end."""
        async with self._bus() as bus:
            await bus.call(ROOT, (MANAGER, "StopUnit"), "ss", (operation.unit, "replace"))
        while await self.runs(operation):
            await self.clock.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def _bus(self) -> AsyncIterator[Bus]:
        bus = await Bus.connect(self.address, _ignore)
        try:
            yield bus
        finally:
            bus.close()
            await bus.closed()


def _ignore(_: Signal) -> None:
    """Signals are not needed: the state is asked for."""


@dataclass(frozen=True, slots=True)
class SystemctlOperations:
    """A Starter for root's command line, which works without the supervisor."""

    @property
    def keeps_operations(self) -> bool:
        """The units belong to systemd."""
        return True

    async def runs(self, operation: Operation) -> bool:
        """Say whether the unit works."""
        shown = await run(("systemctl", "show", "--property=ActiveState,Job", operation.unit))
        facts = dict(line.split("=", 1) for line in shown.stdout.decode().splitlines())
        return bool(facts.get("Job")) or facts.get("ActiveState") in _ACTIVE

    async def start(self, operation: Operation) -> None:
        """Start the unit. Raises OperationLostError."""
        started = await run(
            ("systemctl", "start", "--no-block", operation.unit), timeout=_SYSTEMCTL_SECONDS
        )
        if not started.succeeded:
            raise OperationLostError(operation=operation.name, unit=operation.unit)

    async def stop(self, operation: Operation) -> None:
        """Stop the unit, and wait for its end."""
        await run(("systemctl", "stop", operation.unit), timeout=_SYSTEMCTL_SECONDS)
