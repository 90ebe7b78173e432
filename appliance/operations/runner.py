"""The side that asks: starts an operation, follows it, and returns what it found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.core.clock import Clock
from appliance.core.files import private_directory
from appliance.operations.errors import (
    OperationBusyError,
    OperationCancelledError,
    OperationError,
    OperationLostError,
)
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Operation, Outcome, Progress

_POLL_SECONDS = 0.5
# A process that has said how its work ended may be held up by a disk that does not answer.
_LEAVES_WITHIN = 20.0


class Follower(Protocol):
    """Takes what an operation says while it works."""

    async def progress(self, progress: Progress) -> None:
        """Take how far it is."""
        ...

    async def log(self, line: str) -> None:
        """Take a line of its log."""
        ...


class NoFollower:
    """Follows an operation that is over in a moment."""

    async def progress(self, progress: Progress) -> None:
        """Ignore how far it is."""

    async def log(self, line: str) -> None:
        """Ignore the line."""


class Starter(Protocol):
    """Starts the process of an operation: as our child, or through systemd."""

    @property
    def keeps_operations(self) -> bool:
        """Whether an operation goes on when its asker ends, so that the next one can follow it."""
        ...

    async def runs(self, operation: Operation) -> bool:
        """Say whether the process of an operation is there."""
        ...

    async def start(self, operation: Operation) -> None:
        """Start the process. Raises what the system says against it."""
        ...

    async def stop(self, operation: Operation) -> None:
        """End the process, and return when it has ended."""
        ...


@dataclass(slots=True)
class OperationRunner:
    """Carries out operations, each at most once at a time.

    `folder` holds the folders of all operations. `leaving` says that the asker ends: operations
    that can go on are left alone then.
    """

    folder: Path
    starter: Starter
    clock: Clock
    leaving: bool = False
    _taken: set[str] = field(default_factory=set)

    async def run(
        self, operation: Operation, request: Facts, follower: Follower, *, resumed: bool = False
    ) -> Facts:
        """Carry out a request and return what the operation found.

        With `resumed` an earlier asker left the operation alone: it is followed to its end, and if
        it has ended meanwhile, its result counts. Raises OperationBusyError when it works for
        another asker, OperationError with its own words, OperationLostError and
        OperationCancelledError. Cancelled, it ends the operation, unless `leaving` says that the
        next asker goes on.
        """
        folder = self.folder_of(operation)
        async with self._alone(operation):
            is_running = await self.starter.runs(operation)
            if is_running and not resumed:
                raise OperationBusyError(operation=operation.name)
            try:
                if not is_running and not (
                    resumed and await asyncio.to_thread(folder.result) is not None
                ):
                    await asyncio.to_thread(folder.ask, request)
                    await self.starter.start(operation)
                await self._follow(operation, folder, follower)
            except asyncio.CancelledError:
                if not (self.leaving and self.starter.keeps_operations):
                    await self.starter.stop(operation)
                raise
            except Exception:
                # Its asker cannot follow it any more: it would work for no one.
                await self.starter.stop(operation)
                raise
            return await asyncio.to_thread(_found, operation, folder)

    async def is_busy(self, operation: Operation) -> bool:
        """Say whether the operation works at this moment, for any asker."""
        return operation.name in self._taken or await self.starter.runs(operation)

    def folder_of(self, operation: Operation) -> OperationFolder:
        """Return the folder of an operation. The package has made it; a clone makes it here."""
        path = self.folder / operation.name
        if not self.starter.keeps_operations:
            private_directory(path)
        return OperationFolder(path)

    @asynccontextmanager
    async def _alone(self, operation: Operation) -> AsyncIterator[None]:
        if operation.name in self._taken:
            raise OperationBusyError(operation=operation.name)
        self._taken.add(operation.name)
        try:
            yield
        finally:
            self._taken.discard(operation.name)

    async def _follow(
        self, operation: Operation, folder: OperationFolder, follower: Follower
    ) -> None:
        """Pass on what the operation says until its process has ended.

        One that has said how the work ended, and does not leave by itself, is ended.
        """
        count, latest = 0, None
        ended_at: float | None = None
        while True:
            # Read after the process has ended once more: nothing that it said is missed.
            runs = await self.starter.runs(operation)
            lines = await asyncio.to_thread(folder.lines, count)
            count += len(lines)
            for line in lines:
                await follower.log(line)
            progress = await asyncio.to_thread(folder.progress)
            if progress is not None and progress != latest:
                latest = progress
                await follower.progress(progress)
            if not runs:
                return
            if await asyncio.to_thread(folder.result) is not None:
                now = self.clock.monotonic()
                ended_at = now if ended_at is None else ended_at
                if now - ended_at > _LEAVES_WITHIN:
                    await self.starter.stop(operation)
                    return
            await self.clock.sleep(_POLL_SECONDS)


def _found(operation: Operation, folder: OperationFolder) -> Facts:
    result = folder.take_result()
    if result is None:
        raise OperationLostError(operation=operation.name, unit=operation.unit)
    match result.outcome:
        case Outcome.DONE:
            return result.found
        case Outcome.FAILED:
            raise OperationError(result)
        case Outcome.CANCELLED:
            raise OperationCancelledError
