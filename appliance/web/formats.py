"""Write numbers, sizes and times for people, in the same way on both sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_KILO = 1024
# The states whose names in the code are not the words that people use.
_STATE_LABELS = {"quarantined": "set aside"}


def relative(moment: datetime, now: datetime) -> str:
    """Say how long ago `moment` was; a date when it was more than a week ago."""
    seconds = int((now - moment).total_seconds())
    if seconds < 0:
        # A moment that was set to 30 days from now a second ago is 30 days away, not 29.
        return f"in {duration(-seconds + (_MINUTE // 2 if -seconds >= _MINUTE else 0))}"
    if seconds < 10:
        return "just now"
    if seconds < _WEEK:
        return f"{duration(seconds)} ago"
    local = moment.astimezone()
    if local.year == now.astimezone().year:
        return f"{local.day} {local:%b}"
    return f"{local.day} {local:%b %Y}"


def duration(seconds: float) -> str:
    """Write a length of time with its largest unit only: `40 s`, `12 min`, `3 h`, `5 days`."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h"
    days = whole // _DAY
    return "1 day" if days == 1 else f"{days} days"


def size(count: int) -> str:
    """Write a number of bytes the way file managers do: `980 B`, `12 KB`, `3.4 MB`."""
    if count < _KILO:
        return f"{count} B"
    amount = float(count)
    for unit in ("KB", "MB", "GB"):
        amount /= _KILO
        if amount < _KILO:
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{amount / _KILO:.1f} TB"


def state_label(state: str) -> str:
    """Write a state of a document, an answer, a service or a job in people's words."""
    return _STATE_LABELS.get(state, state.replace("_", " "))


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: `1 page`, `1,204 pages`."""
    noun = one if number == 1 else (many or f"{one}s")
    return f"{number:,} {noun}"
