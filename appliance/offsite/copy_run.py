"""One run of a copy: within the time of the day, and remembered in the state of its target."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import SystemRandom

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.offsite.copy import Copied, Copying
from appliance.offsite.copy_models import ModelsCopy
from appliance.offsite.model import Target, TargetState
from appliance.offsite.places.opening import opened
from appliance.offsite.source import Source
from appliance.offsite.targets import Targets
from appliance.offsite.timing import Line, Window, WindowClosedError, pause_after
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository import lock

# For so long old snapshots may be in removal.
_PATIENCE = 1800.0
_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class CopyRun:
    """Copies to one target, and keeps how it went, whatever happens."""

    targets: Targets
    target: Target
    source: Source
    lock: Path
    clock: Clock
    report: Reporter
    models: ModelsCopy

    async def run(self, request: Facts) -> Facts:
        """Return what was sent, or until when the copy waits. Raises why it failed."""
        number, before = self.target.number, await self.targets.state(self.target.number)
        window = None if request.get("now") else Window.of(self.target.opens, self.target.closes)
        tried_at, sent = self.clock.now(), list[int]()
        try:
            copied, free = await self._copy(window, sent)
        except WindowClosedError:
            opening = self._next_opening(window)
            self.report.log(f"Copies may be made again at {opening:%H:%M}; this one goes on then.")
            await self.targets.keep_state(number, replace(before, next_try_at=opening))
            return {
                "complete": False,
                "waits_until": opening.isoformat(),
                "sent_files": len(sent),
                "sent_bytes": sum(sent),
            }
        except ApplianceError as error:
            await self._failed(before, tried_at, error)
            raise
        except Exception:
            await self._failed(before, tried_at, ApplianceError())
            raise
        state = TargetState(
            prepared_at=before.prepared_at,
            tried_at=tried_at,
            complete_at=_newest(copied, request.get("sets")) or before.complete_at,
            models_at=before.models_at,
            files=copied.files,
            bytes=copied.bytes,
            free=free,
            protection=before.protection,
        )
        await self.targets.keep_state(number, state)
        found = {"complete": True, "files": copied.files, "bytes": copied.bytes}
        files, size = copied.sent_files, copied.sent_bytes
        if await asyncio.to_thread(self.models.is_wanted):
            retried = replace(state, failures=before.failures)
            models = await self._copy_models(state, retried, window)
            found["models_complete"] = models is not None
            if models is not None:
                files, size = files + models.sent_files, size + models.sent_bytes
        return {**found, "sent_files": files, "sent_bytes": size}

    async def _copy_models(
        self, state: TargetState, retried: TargetState, window: Window | None
    ) -> Copied | None:
        """Copy the models that were saved; return None where the time of the day ended it.

        The copy of the sets is whole, whatever happens here. Raises why it failed, and keeps that
        in `retried`, so that both are tried again.
        """
        number, at = self.target.number, state.tried_at or self.clock.now()
        try:
            copied = await self.models.run(self._line(window))
        except WindowClosedError:
            self.report.log("Copies may be made again later; that of the models goes on then.")
            return None
        except ApplianceError as error:
            await self._failed(retried, at, error)
            raise
        files, size = state.files + copied.files, state.bytes + copied.bytes
        whole = replace(state, files=files, bytes=size, models_at=self.clock.now())
        await self.targets.keep_state(number, whole)
        return copied

    def _line(self, window: Window | None) -> Line:
        """Return the way to the target, within its limit and its time of the day."""
        return Line(self.clock, self.target.place, self.target.limit * _KIBIBYTE, window)

    async def _copy(self, window: Window | None, sent: list[int]) -> tuple[Copied, int | None]:
        target, began = self.target, self.clock.monotonic()
        line = self._line(window)
        line.expect_open()
        self.report.progress(Progress(f"Looking what {target.name} lacks."))
        async with (
            lock.shared(self.lock, self.clock, patience=_PATIENCE),
            opened(target) as place,
        ):
            copying = Copying(self.source, place, target.place, line, self._progressed, sent)
            try:
                copied = await copying.run()
            finally:
                seconds = self.clock.monotonic() - began
                self.report.log(
                    f"{len(sent)} files with {sum(sent) / _KIBIBYTE**2:.1f} MiB arrived at "
                    f"{target.name} in {seconds:.0f} s."
                )
            return copied, await place.free()

    def _progressed(self, done: int, total: int) -> None:
        self.report.progress(Progress(f"Copying to {self.target.name}.", done, total))

    def _next_opening(self, window: Window | None) -> datetime:
        now = self.clock.now()
        return window.next_opening(now.astimezone()) if window else now

    async def _failed(self, before: TargetState, at: datetime, error: ApplianceError) -> None:
        words = error.words_for(Audience.OPERATOR)
        failures = before.failures + 1
        pause = pause_after(failures, SystemRandom().random())
        state = replace(
            before,
            tried_at=at,
            error=error.code,
            message=words.sentence,
            hint=words.hint,
            failures=failures,
            next_try_at=self.clock.now() + pause,
        )
        await self.targets.keep_state(self.target.number, state)


def _newest(copied: Copied, sets: object) -> datetime | None:
    """Return the time of the newest set that was copied; without a list, of the newest snapshot."""
    if not isinstance(sets, Mapping):
        return copied.newest
    try:
        times = [
            datetime.fromisoformat(str(at)) for id_, at in sets.items() if id_ in copied.snapshots
        ]
    except ValueError:
        return copied.newest
    return max(times, default=None)
