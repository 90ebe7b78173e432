"""What people read who log in to the machine itself: what to open, or what is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from appliance.core.clock import Clock
from appliance.core.files import write_atomically
from appliance.supervisor.model import Phase, UnitView

READABLE = 0o644
# Nobody tells us that somebody claimed the machine, so we look while nobody has.
LOOK_AGAIN = 10.0
NOT_SUPERVISED = (
    "Cloister's supervisor does not run at the moment.\n"
    "  `systemctl status cloister` says why; `sudo cloister doctor` looks at everything.\n"
)
_WELL = {Phase.READY, Phase.DONE}
_COMING = {Phase.WAITING, Phase.STARTING}
_ON_PURPOSE = {Phase.STOPPED, Phase.STOPPING}

logger = logging.getLogger(__name__)


class Units(Protocol):
    """What the message needs of the supervisor."""

    def units(self) -> list[UnitView]:
        """Return every unit."""
        ...

    def subscribe(self) -> AsyncIterator[tuple[str, ...]]:
        """Yield the names of units that changed; the first time at once, with all names."""
        ...


def text(claimed: bool | None, units: Sequence[UnitView], addresses: Mapping[str, str]) -> str:  # noqa: FBT001 - a fact, not a switch
    """Return the message; `claimed` is None while nobody can tell.

    `addresses` are those of the sites, as people open them: `chat` and `console`.
    """
    phases = {unit.name: unit.phase for unit in units}
    lines = [_standing(phases, addresses["chat"])]
    if claimed is False:
        lines += [
            "  Nobody runs this machine yet. `sudo cloister claim` prints a link; open it to",
            f"  become its operator. The address is {addresses['console']}/",
        ]
    return "\n".join(lines) + "\n"


def _standing(phases: Mapping[str, Phase], address: str) -> str:
    """Say in one line how the units stand, the worst first."""
    broken = [
        f"{name} ({phase})"
        for name, phase in phases.items()
        if phase not in _WELL | _COMING | _ON_PURPOSE
    ]
    if broken:
        return f"Cloister: {', '.join(broken)}. `sudo cloister doctor` says what to do."
    if coming := [name for name, phase in phases.items() if phase in _COMING]:
        return f"Cloister is starting; it waits for {', '.join(coming)}."
    if stopped := [name for name, phase in phases.items() if phase in _ON_PURPOSE]:
        return f"Cloister: stopped by an operator: {', '.join(stopped)}. Address: {address}/"
    return f"Cloister: everything serves at {address}/"


class LoginMessage:
    """Keeps the message at `path` current while the block runs. Use it as a context manager.

    It is written only when its text changes, completely or not at all, and readable for all. On
    leaving it says that nobody supervises any more. A message that cannot be written is logged:
    nothing else depends on it.
    """

    def __init__(
        self,
        supervisor: Units,
        claimed: Callable[[], Awaitable[bool]],
        addresses: Mapping[str, str],
        path: Path,
        clock: Clock,
    ) -> None:
        self._supervisor = supervisor
        self._claimed = claimed
        self._addresses = addresses
        self._path = path
        self._clock = clock
        self._is_claimed: bool | None = None
        self._written: str | None = None
        self._changed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._watchers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for work in (self._listen(), self._look_again(), self._keep_current()):
            self._watchers.append(self._tasks.create_task(work, name="login message"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._write(NOT_SUPERVISED)

    async def _listen(self) -> None:
        async for _ in self._supervisor.subscribe():
            self._changed.set()

    async def _look_again(self) -> None:
        while not self._is_claimed:
            await self._clock.sleep(LOOK_AGAIN)
            self._changed.set()

    async def _keep_current(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            # A machine that was claimed once stays claimed.
            if not self._is_claimed:
                self._is_claimed = await self._ask_whether_claimed()
            await self._write(text(self._is_claimed, self._supervisor.units(), self._addresses))

    async def _ask_whether_claimed(self) -> bool | None:
        try:
            return await self._claimed()
        except Exception as error:  # noqa: BLE001 - before the first migration even tables lack
            logger.debug("nobody can tell yet whether the machine is claimed: %s", error)
            return None

    async def _write(self, message: str) -> None:
        if message == self._written:
            return
        try:
            await asyncio.to_thread(write_atomically, self._path, message.encode(), mode=READABLE)
        except OSError as error:
            logger.warning("the login message cannot be written: %s", error)
        else:
            self._written = message
