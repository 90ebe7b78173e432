"""What operators read about backups: the headline, and what a machine lacks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from appliance.backup_plan.facts import BackupFacts
from appliance.repository.model import Snapshot
from appliance.web.formats import count_of, duration, size

_STALE_SECONDS = 26 * 3600


class Standing(StrEnum):
    """How good the backups are."""

    VERIFIED = "verified"
    STALE = "stale"
    WRITTEN = "written"
    DAMAGED = "damaged"
    MISSING = "missing"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer to the only question: what could be brought back now."""

    standing: Standing
    sentence: str
    hint: str = ""


def headline(facts: BackupFacts, now: datetime, zone: tzinfo | None = None) -> Headline:
    """Return what could be restored, and how that is known."""
    found = facts.catalog
    verified = found.verified if found else None
    if found and found.damage:
        return Headline(Standing.DAMAGED, "Files of the backups are damaged", found.damage)
    if verified is not None:
        sentence = restorable(verified, now, zone)
        age = facts.verified_age(now)
        if age is None or age > _STALE_SECONDS:
            hint = "No newer set was made and restored in a trial. The history below says why."
            return Headline(Standing.STALE, sentence, hint)
        return Headline(Standing.VERIFIED, sentence, _newer(facts, verified, now, zone))
    if not facts.has_restic:
        hint = "Install the package restic, as root: apt install restic"
        return Headline(Standing.NOT_INSTALLED, "No backup can be made", hint)
    if found and found.sets:
        when = moment(found.sets[0].taken_at, now, zone)
        hint = "It counts when a trial has restored it."
        return Headline(Standing.WRITTEN, f"A set of {when} is written, not yet verified", hint)
    hint = "The first set is made soon after the machine was claimed, or when you ask for it."
    return Headline(Standing.MISSING, "Nothing is backed up yet", hint)


def restorable(verified: Snapshot, now: datetime, zone: tzinfo | None = None) -> str:
    """Say what a verified set is worth."""
    seconds = verified.drilled.seconds if verified.drilled else 0
    when = moment(verified.taken_at, now, zone)
    return f"Restorable as of {when}, verified, took {duration(seconds)}"


def moment(at: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Write a moment in local time: without its date where that is today's."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b}, {local:%H:%M}"
    return f"{local.day} {local:%b %Y}, {local:%H:%M}"


def lacks(facts: BackupFacts) -> tuple[str, ...]:
    """Return what does not protect this machine, each as a sentence."""
    found = []
    if not facts.copies:
        found.append(
            "There is no copy elsewhere: the backups are on the disk of this machine, and are lost "
            "with it."
        )
    if not facts.has_server:
        found.append(
            "Without the Debian package no server stands before the repository: the account that "
            "makes the backups could delete them."
        )
    if not facts.key_is_proven:
        found.append(
            "No recovery key was proved: without one, nothing opens the backups once this machine "
            "is lost."
        )
    return tuple(found)


def models_sentence(facts: BackupFacts, now: datetime, zone: tzinfo | None = None) -> str:
    """Say when models were saved last, and what that is worth; nothing if none were."""
    saved = facts.models
    if saved is None:
        return ""
    names = ", ".join(saved.names)
    when = moment(saved.saved_at, now, zone)
    sentence = f"Models saved {when}, {size(saved.bytes)}: {names}."
    if saved.damage:
        return f"{sentence} Files of them are damaged: {saved.damage}"
    if saved.left_out:
        left_out = count_of(len(saved.left_out), "file")
        return f"{sentence} {left_out} could not be saved: their models must be fetched again."
    return sentence


def _newer(facts: BackupFacts, verified: Snapshot, now: datetime, zone: tzinfo | None) -> str:
    """Say what is newer than the verified set."""
    newest = facts.catalog.snapshots[0] if facts.catalog and facts.catalog.snapshots else None
    if newest is None or newest.taken_at <= verified.taken_at:
        return ""
    when = moment(newest.taken_at, now, zone)
    return f"Documents, conversations, people and settings are saved as of {when}."
