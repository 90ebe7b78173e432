"""When backups are due, in the machine's local time. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
# Each file is read two hours after the set is begun: then a drill is over on most machines.
VERIFY_AFTER = timedelta(hours=2)
# A job that seems to be of the future was requested before the clock was set back.
TOLERANCE = DAY


def time_of_day(text: str) -> time:
    """Return a time of day as a setting holds it."""
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def latest_slot(now: datetime, at: time, zone: tzinfo | None = None) -> datetime:
    """Return the newest moment, now or before, at which a clock showed the time of day `at`.

    `zone` is the machine's own without one. A time that a change of clocks leaves out counts as
    the same time after it; one that comes twice counts once.
    """
    today = now.astimezone(zone).date()
    slots = (_moment(today - days * DAY, at, zone) for days in range(3))
    return next(slot for slot in slots if slot <= now)


def next_slot(now: datetime, at: time, zone: tzinfo | None = None) -> datetime:
    """Return the next moment, later than now, at which a clock shows the time of day `at`."""
    today = now.astimezone(zone).date()
    slots = (_moment(today + days * DAY, at, zone) for days in range(3))
    return next(slot for slot in slots if slot > now)


def is_within(now: datetime, opens: str, closes: str, zone: tzinfo | None = None) -> bool:
    """Say whether a window of local time is open; one that closes before it opens spans midnight.

    Both texts empty: it is always open.
    """
    if not opens or not closes:
        return True
    local, begin, end = now.astimezone(zone).time(), time_of_day(opens), time_of_day(closes)
    if begin <= end:
        return begin <= local < end
    return local >= begin or local < end


def _moment(day: date, at: time, zone: tzinfo | None) -> datetime:
    naive = datetime.combine(day, at)
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
