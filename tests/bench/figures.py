"""Numbers from samples: a median and the 95th percentile, and how many there were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds."""

    count: int
    median: float
    p95: float

    @override
    def __str__(self) -> str:
        return f"p50 {milliseconds(self.median)}, p95 {milliseconds(self.p95)} (n={self.count})"


def figures(samples: Sequence[float]) -> Figures:
    """Sum up at least two samples."""
    return Figures(len(samples), median(samples), quantiles(samples, n=20, method="inclusive")[-1])


def milliseconds(seconds: float) -> str:
    """Return a duration as people read it."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def times(ratio: float) -> str:
    """Return a ratio as people write it."""
    return f"\N{MULTIPLICATION SIGN}{ratio:.2f}"


def megabytes(count: float) -> str:
    """Return a size in megabytes of a million bytes."""
    return f"{count / 1e6:.1f} MB"
