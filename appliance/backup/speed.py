"""Say how far the saving is: bytes, speed and the time that is left."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.web.formats import duration, size

# Over how many seconds the speed is measured.
_WINDOW = 15.0
_MEASURED_AFTER = 2.0


@dataclass(slots=True)
class Saving:
    """Takes the bytes that are done, as often as they are known, and reports them."""

    report: Reporter
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def __call__(self, done: int, total: int) -> None:
        """Report. The total grows while files are still being counted."""
        now = self.report.clock.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        self.report.update(Progress(self._sentence(now, done, total), done, max(total, done)))

    def _sentence(self, now: float, done: int, total: int) -> str:
        said = f"Saving: {size(done)} of {size(max(total, done))}"
        began, before = self._seen[0]
        if now - began < _MEASURED_AFTER or done <= before:
            return f"{said}."
        speed = (done - before) / (now - began)
        left = duration(max(0, total - done) / speed)
        return f"{said}, {size(int(speed))} a second, {left} left."
