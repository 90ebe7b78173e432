"""Publish the machine's health: in the login message, to systemd and to chat servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from appliance.core.clock import Clock
from appliance.core.files import write_atomically
from appliance.core.sd_notify import Notifier
from appliance.health.model import Health
from appliance.health.service import HealthService

READABLE = 0o644
# A disk fills up, and a model runner hangs, without a change of any service.
CHECK_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where the health of the machine is published."""

    async def publish(self, health: Health) -> None:
        """Publish it. Called each time that it was looked at, also without a change."""
        ...

    async def close(self) -> None:
        """Publish that nothing is published any more."""
        ...


class HealthPublisher:
    """Looks at the machine when a service changes and every ten seconds, while the block runs.

    Use it as a context manager. `changes` yields whenever a service has changed.
    """

    def __init__(
        self,
        service: HealthService,
        changes: Callable[[], AsyncIterator[object]],
        sinks: Sequence[Sink],
        clock: Clock,
    ) -> None:
        self._service = service
        self._changes = changes
        self._sinks = tuple(sinks)
        self._clock = clock
        self._changed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._watchers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for work in (self._listen(), self._check_at_intervals(), self._keep_current()):
            self._watchers.append(self._tasks.create_task(work, name="publish health"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await self._tasks.__aexit__(None, None, None)
        for sink in self._sinks:
            await sink.close()

    async def _listen(self) -> None:
        async for _ in self._changes():
            self._changed.set()

    async def _check_at_intervals(self) -> None:
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            self._changed.set()

    async def _keep_current(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            health = await self._service.current()
            for sink in self._sinks:
                await sink.publish(health)


class StatusLine:
    """Shows the health in `systemctl status cloister`."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._said = ""

    async def publish(self, health: Health) -> None:
        """Say it, unless it was said before."""
        if health.line != self._said:
            self._said = health.line
            self._notifier.status(health.line)

    async def close(self) -> None:
        """Say that the supervisor ends."""
        self._notifier.status("The supervisor ends.")


class PublishedFile:
    """A small file that everybody may read, written completely or not at all when it changes.

    One that cannot be written is logged once: nothing else depends on it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: str | None = None
        self._is_failing = False

    async def write(self, text: str) -> None:
        """Replace the file, unless it says this already."""
        if text == self._written:
            return
        try:
            await asyncio.to_thread(self._replace, text)
        except OSError as error:
            if not self._is_failing:
                logger.warning("%s cannot be written: %s", self._path, error)
            self._is_failing = True
        else:
            self._written, self._is_failing = text, False

    def _replace(self, text: str) -> None:
        write_atomically(self._path, text.encode(), mode=READABLE)


class ConditionFile:
    """Publishes the condition of a service to chat servers, which cannot ask the supervisor."""

    def __init__(self, path: Path, condition: Callable[[], Awaitable[StrEnum | None]]) -> None:
        self._path = path
        self._file = PublishedFile(path)
        self._condition = condition

    async def publish(self, _health: Health) -> None:
        """Write the condition."""
        if condition := await self._condition():
            await self._file.write(f"{condition}\n")

    async def close(self) -> None:
        """Remove the file: from now on nothing is known."""
        try:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be removed: %s", self._path, error)
