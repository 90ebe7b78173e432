"""What is printed while a model is fetched: sentences and, for large parts, steps of percent."""

from __future__ import annotations

from appliance.fetch.names import printable
from appliance.llm.model import PullReport

STEP_PERCENT = 5
# A model has some parts of a few bytes, such as its licence: they are not worth a line.
SMALL = 1_000_000
_SENTENCES = {
    "pulling manifest": "Asking the registry …",
    "verifying sha256 digest": "Checking what arrived …",
    "writing manifest": "",
    "removing unused layers": "",
    "success": "",
}


class Progress:
    """Turns the runner's reports, of which many come a second, into few lines."""

    def __init__(self) -> None:
        self._printed: dict[str, int] = {}
        self._last = ""

    def line(self, report: PullReport) -> str:
        """Return what to print now, most often nothing."""
        if report.total:
            return self._step(report)
        if report.digest or report.status == self._last:
            return ""
        self._last = report.status
        return _SENTENCES.get(report.status, printable(report.status))

    def _step(self, report: PullReport) -> str:
        percent = 100 * report.completed // report.total
        step = percent - percent % STEP_PERCENT
        if report.total < SMALL or step <= self._printed.get(report.digest, -1):
            return ""
        self._printed[report.digest] = step
        return f"{size(report.completed)} of {size(report.total)} ({percent} %)"


def size(count: int) -> str:
    """Return a number of bytes as disks and registries count them."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
