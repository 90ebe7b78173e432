"""What may be removed from a repository, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.operations.model import Facts
from appliance.repository.model import Kind, Snapshot

# Without a newer set that a drill has restored, the older ones are all that there is.
VERIFIED_WITHIN = timedelta(hours=36)
_DAYS: Mapping[Kind, int] = {Kind.SET: 7, Kind.HOT: 2}
# These stay at any age: a clock that jumps forward for a night or two ends nothing.
KEEP_LAST: Mapping[Kind, int] = {Kind.SET: 3, Kind.HOT: 1, Kind.REPORT: 60}
# Models change rarely, are large, and can be brought in again: only their number counts.
KEEP_MODELS = 2
# A report is made after its set, and stays as long.
_LONGER = 3
_MOST_DAYS = 3650


class Refusal(StrEnum):
    """Why nothing is removed."""

    UNVERIFIED = "unverified"
    DAMAGED = "damaged"


def refusal(snapshots: Iterable[Snapshot], damage: str, now: datetime) -> Refusal | None:
    """Return why nothing may be removed now.

    A set of the future does not count: whatever its clock showed, it says nothing about last night.
    """
    if damage:
        return Refusal.DAMAGED
    ages = (now - one.taken_at for one in snapshots if one.kind is Kind.SET and one.is_verified)
    if any(timedelta() <= age <= VERIFIED_WITHIN for age in ages):
        return None
    return Refusal.UNVERIFIED


def kept_within(request: Facts) -> dict[Kind, int]:
    """Return how many days the snapshots of each kind are kept: the request may name others."""
    days = {kind: _days(request.get(f"keep_{kind}"), usual) for kind, usual in _DAYS.items()}
    return {**days, Kind.REPORT: max(days.values()) + _LONGER}


def _days(asked: object, usual: int) -> int:
    return asked if isinstance(asked, int) and 0 < asked <= _MOST_DAYS else usual
