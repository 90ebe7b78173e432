"""Begin a trial, confirm it, and undo its change unless an operator confirms it in time."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from appliance.core.clock import Clock
from appliance.trial.errors import TrialOverError, TrialRunningError
from appliance.trial.model import LASTS, Facts, Trial, TrialKind
from appliance.trial.record import read_trial, remove_trial, write_trial

logger = logging.getLogger(__name__)

Act = Callable[[Facts], Awaitable[None]]

_LOOK_SECONDS = 1.0
# What an undoing needs may be on its way back, the web server for example.
_RETRY_SECONDS = 5.0


class Trials:
    """At most one change on trial, whose record is in `folder`.

    1. `begin` writes the record; the caller changes something after that.
    2. `confirm` calls the function of `keep`, if the kind has one, and removes the record.
    3. `run` undoes the change at the end of the trial, also when the process ended in between:
       the record says what to undo. So each function of `undo` must bear to be called for a change
       that was never made, or that is undone already.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        undo: Mapping[TrialKind, Act],
        keep: Mapping[TrialKind, Act] | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._undo = undo
        self._keep = keep or {}
        self._current: Trial | None = None
        self._deadline = 0.0
        self._loaded = False
        self._undoing = False
        self._changing = asyncio.Lock()
        self._begun = asyncio.Event()

    def current(self) -> Trial | None:
        """Return the trial that is on."""
        return self._current

    def seconds_left(self) -> int:
        """Return after how many seconds the change on trial is undone."""
        return max(0, math.ceil(self._deadline - self._clock.monotonic()))

    def require(self, token: str) -> Trial:
        """Return the trial that the token confirms. Raises TrialOverError, also after its time."""
        trial = self._current
        is_over = self._undoing or self._clock.monotonic() >= self._deadline
        if trial is None or is_over or not _same(trial.token, token):
            raise TrialOverError
        return trial

    async def load(self) -> None:
        """Go on with the trial of an earlier process; `run` and `begin` do it as well."""
        async with self._changing:
            await self._load()

    async def wait_until_over(self) -> None:
        """Wait until no change is on trial. One lasts a minute, and its undoing may take longer."""
        while self._current is not None:
            await self._clock.sleep(_LOOK_SECONDS)

    async def begin(self, kind: TrialKind, facts: Facts) -> Trial:
        """Write the record of a change that the caller makes next.

        Raises TrialRunningError, and OSError where the record cannot be written.
        """
        async with self._changing:
            await self._load()
            if self._current is not None:
                raise TrialRunningError(seconds=self.seconds_left())
            now = self._clock.now()
            trial = Trial(
                id=secrets.token_hex(8),
                kind=kind,
                facts=dict(facts),
                started=now,
                ends=now + LASTS,
                token=secrets.token_urlsafe(24),
            )
            await asyncio.to_thread(write_trial, self._folder, trial)
            self._set(trial)
            return trial

    async def confirm(self, token: str) -> Trial:
        """Keep the change on trial. Raises TrialOverError, and what `keep` raises.

        The trial goes on after such an error, so that it can be confirmed once more.
        """
        self.require(token)
        async with self._changing:
            trial = self.require(token)
            if trial.kind in self._keep:
                await self._keep[trial.kind](trial.facts)
            await asyncio.to_thread(remove_trial, self._folder)
            self._current = None
        logger.info("trial %s of %s is confirmed", trial.id, trial.kind)
        return trial

    async def undo_now(self) -> None:
        """Undo the change on trial, if one is, without waiting for its end.

        Raises what the undoing raises; `run` then tries again.
        """
        async with self._changing:
            await self._load()
            trial = self._current
            if trial is None:
                return
            self._undoing = True
            try:
                await self._undo[trial.kind](trial.facts)
                await asyncio.to_thread(remove_trial, self._folder)
                self._current = None
            finally:
                self._undoing = False
        logger.info("trial %s of %s is undone", trial.id, trial.kind)

    async def run(self) -> None:
        """Undo each change that is not confirmed in time; returns only when it is cancelled."""
        await self.load()
        while True:
            self._begun.clear()
            if self._current is None:
                await self._begun.wait()
            elif (left := self._deadline - self._clock.monotonic()) > 0:
                await self._clock.sleep(min(left, _LOOK_SECONDS))
            else:
                await self._undo_at_the_end()

    async def _undo_at_the_end(self) -> None:
        try:
            await self.undo_now()
        except Exception:
            logger.exception("a change on trial is not undone yet")
            await self._clock.sleep(_RETRY_SECONDS)

    async def _load(self) -> None:
        """Read the record once; call it with the lock held."""
        if not self._loaded:
            self._loaded = True
            trial = await asyncio.to_thread(read_trial, self._folder)
            if trial is not None:
                self._set(trial)

    def _set(self, trial: Trial) -> None:
        self._current = trial
        left = trial.left(self._clock.now()).total_seconds()
        self._deadline = self._clock.monotonic() + left
        self._begun.set()


def _same(kept: str, sent: str) -> bool:
    # A header or a query may hold what is no UTF-8; aiohttp keeps it as surrogates.
    return hmac.compare_digest(kept.encode(), sent.encode(errors="surrogatepass"))
