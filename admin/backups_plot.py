"""The sizes and durations of sets over time, as the shapes of a drawing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.repository.model import Snapshot
from appliance.web.formats import duration, size

# The drawing has this width and height, whatever room the page gives it.
WIDTH, HEIGHT = 600, 120
_MOST_BARS = 60
_GAP = 0.2
_LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """One set: its shape, and what it stands for in words."""

    x: float
    y: float
    width: float
    height: float
    label: str
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars from the oldest set to the newest; `largest` is what the highest one means."""

    title: str
    bars: tuple[Bar, ...]
    largest: str
    first: datetime
    last: datetime
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def has_open(self) -> bool:
        """Whether a set is shown that no trial has restored."""
        return not all(bar.is_verified for bar in self.bars)

    @property
    def summary(self) -> str:
        """The plot in a sentence, for a person who does not see it."""
        return f"{self.title} of the newest {len(self.bars)} sets, up to {self.largest}"


def plots_of(sets: Sequence[Snapshot]) -> tuple[Plot, ...]:
    """Return the plots of sets that come with the newest first; none of a single set."""
    shown = list(reversed(sets[:_MOST_BARS]))
    if len(shown) < 2:
        return ()
    return (
        _plot("Size", shown, lambda one: one.content.bytes, size),
        _plot("Time, with the trial", shown, seconds_of, duration),
    )


def seconds_of(snapshot: Snapshot) -> int:
    """Return how long a set and the trial of it took together."""
    drilled = snapshot.drilled
    return snapshot.content.seconds + (drilled.seconds if drilled else 0)


def _plot(
    title: str,
    shown: Sequence[Snapshot],
    measure: Callable[[Snapshot], int],
    written: Callable[[int], str],
) -> Plot:
    largest = max(map(measure, shown))
    room = WIDTH / len(shown)
    bars = tuple(
        _bar(number, one, measure(one), largest, room, written) for number, one in enumerate(shown)
    )
    return Plot(title, bars, written(largest), shown[0].taken_at, shown[-1].taken_at)


def _bar(
    number: int,
    snapshot: Snapshot,
    value: int,
    largest: int,
    room: float,
    written: Callable[[int], str],
) -> Bar:
    height = max(_LEAST, HEIGHT * value / largest) if largest else _LEAST
    taken = snapshot.taken_at.astimezone()
    return Bar(
        x=round(number * room + room * _GAP / 2, 2),
        y=round(HEIGHT - height, 2),
        width=round(room * (1 - _GAP), 2),
        height=round(height, 2),
        label=f"{taken:%Y-%m-%d %H:%M}: {written(value)}",
        is_verified=snapshot.is_verified,
    )
