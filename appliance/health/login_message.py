"""What people read who log in to the machine itself: what to open, or what is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from appliance.health.model import Health
from appliance.health.publisher import PublishedFile

NOT_SUPERVISED = (
    "Cloister's supervisor does not run at the moment.\n"
    "  `systemctl status cloister` says why; `sudo cloister doctor` looks at everything.\n"
)

logger = logging.getLogger(__name__)


def text(health: Health, claimed: bool | None, addresses: Mapping[str, str]) -> str:  # noqa: FBT001 - a fact, not a switch
    """Return the message; `claimed` is None while it is not known.

    `addresses` are those of the sites, as people open them: `chat` and `console`.
    """
    lines = [_summary(health, addresses["chat"])]
    if claimed is False:
        lines += [
            "  This machine has no operator yet. `sudo cloister claim` prints a link; open it to",
            f"  become its operator. The address is {addresses['console']}/",
        ]
    return "\n".join(lines) + "\n"


def _summary(health: Health, address: str) -> str:
    """Say how the machine is, the worst first, and what to open or to do."""
    if not health.problems:
        return f"Cloister: everything serves at {address}/"
    serves = f"Cloister serves at {address}/, but look at this:"
    lines = [serves if health.is_ready else f"Cloister: {health.headline}:"]
    lines += [f"  {problem.sentence}" for problem in health.problems]
    return "\n".join([*lines, "  `sudo cloister doctor` says what to do."])


class LoginMessage:
    """Keeps the message at `path` current; at the end it says that no supervisor runs."""

    def __init__(
        self,
        claimed: Callable[[], Awaitable[bool]],
        addresses: Callable[[], Mapping[str, str]],
        path: Path,
    ) -> None:
        self._claimed = claimed
        self._addresses = addresses
        self._file = PublishedFile(path)
        self._is_claimed: bool | None = None

    async def publish(self, health: Health) -> None:
        """Write the message, if it differs from the last one."""
        # A machine that was claimed once stays claimed.
        if not self._is_claimed:
            self._is_claimed = await self._ask_whether_claimed()
        # The network may come after the start of the machine, and change.
        addresses = await asyncio.to_thread(self._addresses)
        await self._file.write(text(health, self._is_claimed, addresses))

    async def close(self) -> None:
        """Write that the supervisor does not run."""
        await self._file.write(NOT_SUPERVISED)

    async def _ask_whether_claimed(self) -> bool | None:
        try:
            return await self._claimed()
        except Exception as error:  # noqa: BLE001 - before the first migration even tables lack
            logger.debug("it is not known yet whether the machine is claimed: %s", error)
            return None
