"""One run of a copy: within the time of the day, and remembered in the state of its target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import SystemRandom

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.offsite.copy import Copied, Copying
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
            files=copied.files,
            bytes=copied.bytes,
            free=free,
            protection=before.protection,
        )
        await self.targets.keep_state(number, state)
        return {
            "complete": True,
            "files": copied.files,
            "bytes": copied.bytes,
            "sent_files": copied.sent_files,
            "sent_bytes": copied.sent_bytes,
        }

    async def _copy(self, window: Window | None, sent: list[int]) -> tuple[Copied, int | None]:
        target, began = self.target, self.clock.monotonic()
        line = Line(self.clock, target.place, target.limit * _KIBIBYTE, window)
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
