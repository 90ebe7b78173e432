"""Whether the place of a repository answers while restic works on it.

restic itself may wait for hours for a server, or for a share, that has stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.core.errors import ApplianceError
from appliance.repository.errors import RepositorySilentError
from appliance.repository.files import CONFIG, RepositoryFiles

# A line that is cut for a moment, or a server that starts again, is waited for.
PATIENCE_SECONDS = 300.0
_EVERY_SECONDS = 15.0


@asynccontextmanager
async def answering(files: RepositoryFiles, place: str) -> AsyncIterator[None]:
    """Cancel the block when the place has not answered for PATIENCE_SECONDS.

    Raises the error that it answered with last, or RepositorySilentError.
    """
    question, deadline = _Question(files), asyncio.timeout(PATIENCE_SECONDS)
    try:
        async with deadline:
            asking = asyncio.create_task(question.repeat(deadline), name=f"ask {place}")
            try:
                yield
            finally:
                asking.cancel()
                await asyncio.wait({asking})
    except TimeoutError as error:
        if not deadline.expired():
            raise
        seconds = round(PATIENCE_SECONDS)
        raise question.error or RepositorySilentError(place=place, seconds=seconds) from error


@dataclass(slots=True)
class _Question:
    """Asks for a small file that each repository has; `error` is what came instead."""

    files: RepositoryFiles
    error: ApplianceError | None = field(default=None)

    async def repeat(self, deadline: asyncio.Timeout) -> None:
        """Ask until the task is cancelled; each answer moves the deadline."""
        loop = asyncio.get_running_loop()
        while not deadline.expired():
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.files.read(CONFIG)
            except ApplianceError as error:
                self.error = error
            else:
                self.error = None
                deadline.reschedule(loop.time() + PATIENCE_SECONDS)
