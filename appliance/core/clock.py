"""Time as a dependency, so that tests can set it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The functions of time that code may depend on."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC: for people and for the database."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump back: for intervals and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, letting other tasks run."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the kernel's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait, letting other tasks run."""
        await asyncio.sleep(seconds)
