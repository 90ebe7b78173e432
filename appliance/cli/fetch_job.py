"""The record of a download: root does the work, the supervisor keeps the record of the job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from appliance.cli.connection import Connection
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.fetch.errors import FetchStoppedError
from appliance.fetch.pull import Say
from appliance.jobs.model import JobState
from appliance.jobs.service import CANCELLED

_REPORT_EVERY = 2.0
Fetch = Callable[[Say], Coroutine[None, None, None]]


@dataclass(slots=True)
class FetchJob:
    """Prints the lines of a download and sends them to the supervisor.

    A download needs no supervisor: without one, or while the database is down, it has no record.
    """

    control: Connection
    clock: Clock
    say: Say
    _id: str | None = None
    _unsent: list[str] = field(default_factory=list)

    async def run(self, model: str, fetch: Fetch) -> None:
        """Download to the end. Raises what `fetch` raises, and FetchStoppedError.

        An operator who cancels the job ends the download, as Ctrl-C does.
        """
        state, result = JobState.FAILED, ApplianceError().message
        await self._begin(model)
        try:
            await self._fetch(model, fetch)
            state, result = JobState.DONE, f"{model} is installed."
        except asyncio.CancelledError:
            state, result = JobState.CANCELLED, "It was stopped at the machine itself."
            raise
        except FetchStoppedError:
            state, result = JobState.CANCELLED, CANCELLED
            raise
        except ApplianceError as error:
            result = f"{error.message} {error.advice}"
            raise
        finally:
            await self._end(state, result)

    async def _fetch(self, model: str, fetch: Fetch) -> None:
        work = asyncio.ensure_future(fetch(self._line))
        cancelled = asyncio.ensure_future(self._report_until_cancelled())
        try:
            await asyncio.wait({work, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise FetchStoppedError(model=model)
            await work
        finally:
            # What the download has started ends before its record does.
            for task in (work, cancelled):
                task.cancel()
            await asyncio.wait({work, cancelled})

    def _line(self, line: str) -> None:
        self.say(line)
        self._unsent.append(line)

    async def _begin(self, model: str) -> None:
        with contextlib.suppress(ApplianceError):
            answer = await self.control.ask("POST", "/models/fetch", body={"model": model})
            self._id = answer["id"]

    async def _report_until_cancelled(self) -> None:
        while True:
            await self.clock.sleep(_REPORT_EVERY)
            if await self._report():
                return

    async def _report(self) -> bool:
        """Send new lines, as a sign of life also without any; return whether to end."""
        if self._id is None:
            return False
        lines, self._unsent = self._unsent, []
        try:
            answer = await self.control.ask(
                "POST", f"/jobs/{self._id}/report", body={"lines": lines}
            )
        except ApplianceError:
            # The supervisor may be restarting: the lines are sent the next time.
            self._unsent = lines + self._unsent
            return False
        return bool(answer["asked_to_end"])

    async def _end(self, state: JobState, result: str) -> None:
        await self._report()
        if self._id is not None:
            body = {"state": state, "result": result}
            with contextlib.suppress(ApplianceError):
                await self.control.ask("POST", f"/jobs/{self._id}/end", body=body)
