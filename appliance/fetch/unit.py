"""Ask systemd to fetch: only its unit has the host's network, and only while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.process import Command, run, stream
from appliance.fetch import result
from appliance.fetch.errors import FetchFailedError
from appliance.fetch.names import ModelName
from appliance.fetch.pull import Say

# A large model over a slow line.
_LONGEST = 7 * 24 * 3600.0


@dataclass(slots=True)
class _Progress:
    """Passes the unit's lines on, and counts them."""

    say: Say
    count: int = 0

    def add(self, line: str) -> None:
        self.count += 1
        self.say(line)


@dataclass(frozen=True, slots=True)
class FetchUnit:
    """Runs the unit of one model to its end. For root only."""

    name: ModelName
    models: Path
    clock: Clock
    say: Say

    async def run(self) -> None:
        """Return when the model is there.

        Raises the error that the unit has written into its result, or FetchFailedError where it
        has written none. Cancelled, it stops the unit: Ctrl-C takes the machine offline again.
        """
        file = result.result_file(self.models, self.name)
        await asyncio.to_thread(file.unlink, missing_ok=True)
        since = self.clock.now().timestamp()
        journal: Command = (
            "journalctl",
            "--no-pager",
            "--output=cat",
            # The error is in the result, and is printed once.
            "--priority=warning..debug",
            f"--since=@{since:.6f}",
            f"_SYSTEMD_UNIT={self.name.unit}",
        )
        progress = _Progress(self.say)
        try:
            async with self._followed((*journal, "--follow", "--no-tail"), progress):
                started = await run(
                    ("systemctl", "start", "--wait", self.name.unit), timeout=_LONGEST
                )
        except asyncio.CancelledError:
            await run(("systemctl", "stop", self.name.unit))
            raise
        await self._read_rest(journal, progress)
        written = await asyncio.to_thread(result.read, file)
        await asyncio.to_thread(file.unlink, missing_ok=True)
        if started.succeeded:
            return
        if written and (error := written.error):
            raise error
        words = " ".join(started.stderr.decode(errors="replace").split())
        raise FetchFailedError(model=self.name, reason=words or "its unit failed.")

    @asynccontextmanager
    async def _followed(self, command: Command, progress: _Progress) -> AsyncIterator[None]:
        """Pass the lines on while the block runs."""

        async def follow() -> None:
            async with stream(command, timeout=_LONGEST) as journal:
                async for line in journal.lines():
                    progress.add(line.decode(errors="replace"))

        following = asyncio.create_task(follow(), name="journal of the fetching unit")
        try:
            yield
        finally:
            following.cancel()
            # What the follower missed, or why it failed, is read once more at the end.
            await asyncio.gather(following, return_exceptions=True)

    async def _read_rest(self, command: Command, progress: _Progress) -> None:
        """Pass on what reached the journal after the follower had ended."""
        await run(("journalctl", "--sync"))
        finished = await run(command)
        for line in finished.stdout.decode(errors="replace").splitlines()[progress.count :]:
            progress.add(line)
