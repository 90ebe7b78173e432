"""What is due at a moment: copies, and drills that do not follow a set. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from appliance.backup_plan.facts import BackupFacts, CopiedTo
from appliance.backup_plan.times import TOLERANCE, is_within

# A machine that was claimed is given this long to be filled before its first set is made.
FIRST_SET_AFTER = timedelta(minutes=10)
COPY_DRILL_EVERY = timedelta(days=7)
INDEX_DRILL_EVERY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Due:
    """The subjects of jobs that are due: numbers of targets, and drills."""

    copies: tuple[str, ...] = ()
    drills: tuple[str, ...] = ()


def what_is_due(facts: BackupFacts, now: datetime, index: str, zone: tzinfo | None = None) -> Due:
    """Return what is due; `index` is the subject of the drill that builds the vector index."""
    if facts.catalog is None:
        return Due()
    newest = facts.newest_at
    copies = [
        str(copy.target.number)
        for copy in facts.copies
        if newest is not None and copy_is_due(copy, newest, now, zone)
    ]
    drills = [
        str(copy.target.number)
        for copy in facts.copies
        if copy.state.complete_at is not None
        and _is_older(facts.plan.drilled.get(str(copy.target.number)), COPY_DRILL_EVERY, now)
    ]
    claimed = facts.plan.claimed_at
    last_index = facts.plan.drilled.get(index, claimed)
    if facts.catalog.verified and _is_older(last_index, INDEX_DRILL_EVERY, now):
        drills.append(index)
    return Due(tuple(copies), tuple(drills))


def copy_is_due(
    copy: CopiedTo, newest: datetime, now: datetime, zone: tzinfo | None = None
) -> bool:
    """Say whether a copy should be made now; `newest` is when the newest snapshot was taken."""
    target, state = copy.target, copy.state
    if not is_within(now, target.opens, target.closes, zone):
        return False
    tried = state.tried_at
    if tried is None or tried > now + TOLERANCE:
        return True
    if state.error:
        again = state.next_try_at
        return again is None or again <= now or again > now + TOLERANCE
    return newest > tried


def first_set_is_due(facts: BackupFacts, now: datetime) -> bool:
    """Say whether a machine that has no set should make its first one before the night."""
    claimed = facts.plan.claimed_at
    return facts.catalog is None and claimed is not None and now - claimed >= FIRST_SET_AFTER


def _is_older(moment: datetime | None, age: timedelta, now: datetime) -> bool:
    """Whether a moment is longer ago, or unknown, or of a future that a wrong clock has shown."""
    return moment is None or now - moment >= age or moment > now + TOLERANCE
