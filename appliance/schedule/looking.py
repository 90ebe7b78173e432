"""The loop of a schedule that looks again and again what is due."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Looking(ABC):
    """Looks every few seconds while the block lasts: `async with …`.

    No failure ends it: while the database is away, what is due stays due, and any other failure is
    logged once in a row.
    """

    name: ClassVar[str]
    every_seconds: ClassVar[float]

    clock: Clock
    _fault: str = field(default="", init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    @abstractmethod
    async def look(self) -> None:
        """Queue what is due now. Raises DatabaseUnavailableError."""

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to look at on this machine."""
        return True

    async def __aenter__(self) -> Self:
        if self.is_needed:
            self._task = asyncio.create_task(self._run(), name=self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
                self._fault = ""
            except DatabaseUnavailableError:
                # The overview says so.
                pass
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                if repr(error) != self._fault:
                    logger.warning("the %s: %r", self.name, error)
                self._fault = repr(error)
            await self.clock.sleep(self.every_seconds)
