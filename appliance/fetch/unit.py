"""Ask systemd to fetch: only its unit has the host's network, and only while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.process import Command, run, stream
from appliance.fetch.errors import FetchFailedError
from appliance.fetch.names import ModelName
from appliance.fetch.pull import Say

# A large model over a slow line.
_LONGEST = 7 * 24 * 3600.0
# How the command line prints an error: see cli/output.py.
ERROR_MARK = "cloister: "


class ReportedError(ApplianceError):
    """What the unit said before it failed. Facts: `message`, `advice`."""

    code = "fetch_failed"
    sentence = "{message}"
    hint = "{advice}"


@dataclass(slots=True)
class _Report:
    """The unit's lines: progress is passed on at once, the error at the end is kept."""

    say: Say
    count: int = 0
    error: list[str] = field(default_factory=list)
    last: str = ""

    def add(self, line: str) -> None:
        self.count += 1
        if self.error or line.startswith(ERROR_MARK):
            self.error.append(line)
        else:
            self.last = line
            self.say(line)


@dataclass(frozen=True, slots=True)
class FetchUnit:
    """Runs the unit of one model to its end. For root only."""

    name: ModelName
    clock: Clock
    say: Say

    async def run(self) -> None:
        """Return when the model is there. Raises ReportedError and FetchFailedError.

        Cancelled, it stops the unit: whoever presses Ctrl-C wants the machine offline again.
        """
        since = self.clock.now().timestamp()
        journal: Command = (
            "journalctl",
            "--no-pager",
            "--output=cat",
            f"--since=@{since:.6f}",
            f"_SYSTEMD_UNIT={self.name.unit}",
        )
        report = _Report(self.say)
        try:
            async with self._followed((*journal, "--follow", "--no-tail"), report):
                started = await run(
                    ("systemctl", "start", "--wait", self.name.unit), timeout=_LONGEST
                )
        except asyncio.CancelledError:
            await run(("systemctl", "stop", self.name.unit))
            raise
        await self._read_rest(journal, report)
        if not started.succeeded:
            raise self._error(report, started.stderr.decode(errors="replace"))

    @asynccontextmanager
    async def _followed(self, command: Command, report: _Report) -> AsyncIterator[None]:
        """Pass the lines on while the block runs."""

        async def follow() -> None:
            async with stream(command, timeout=_LONGEST) as journal:
                async for line in journal.lines():
                    report.add(line.decode(errors="replace"))

        following = asyncio.create_task(follow(), name="journal of the fetching unit")
        try:
            yield
        finally:
            following.cancel()
            # What the follower missed, or why it failed, is read once more at the end.
            await asyncio.gather(following, return_exceptions=True)

    async def _read_rest(self, command: Command, report: _Report) -> None:
        """Pass on what the journal got after nobody followed it any more."""
        await run(("journalctl", "--sync"))
        finished = await run(command)
        for line in finished.stdout.decode(errors="replace").splitlines()[report.count :]:
            report.add(line)

    def _error(self, report: _Report, systemctl: str) -> ApplianceError:
        if report.error:
            message, *advice = report.error
            return ReportedError(
                message=message.removeprefix(ERROR_MARK), advice=" ".join(advice) or "Try again."
            )
        reason = report.last or " ".join(systemctl.split()) or "its unit failed."
        return FetchFailedError(model=self.name, reason=reason)
