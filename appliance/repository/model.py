"""What a repository holds, as its snapshots and their tags say. Pure.

The repository describes itself: a machine that has nothing but it and a key knows which sets there
are, what each needs, and which of them a drill has restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

# The layout of a set. Older ones are read for ever; a later one is refused by its version.
FORMAT = 1
# The reason of a report about a snapshot that lacks files: it is in no list.
INCOMPLETE = "incomplete"
# The tag with the exact time of a snapshot; restic takes only whole seconds for it.
_TAKEN = "taken"
# restic of Debian 12 writes nanoseconds, which Python does not read.
_FRACTION = re.compile(r"\.(\d{6})\d*")


class Kind(StrEnum):
    """What a snapshot is: its first tag.

    SET holds everything, HOT everything except what can be derived from the documents again.
    REPORT says how the drill of a set ended.
    """

    SET = "set"
    HOT = "hot"
    REPORT = "report"


class Verdict(StrEnum):
    """How the drill of a set ended."""

    VERIFIED = "verified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Content:
    """What a set or a hot snapshot holds, in the tags of its snapshot.

    `version` is that of Cloister, `schema` the number of its last migration, `postgres` the major
    version of the server. `bytes` is the room that a restore needs for the database and documents,
    `seconds` how long the database took. `audit` is the end of the audit's chain.
    """

    format: int
    version: str
    schema: int
    postgres: int
    people: int
    documents: int
    conversations: int
    bytes: int
    seconds: int
    audit: str = ""

    def as_tags(self) -> list[str]:
        """Return the tags that say this."""
        return [f"{name}={getattr(self, name)}" for name in self.__slots__]

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Content | None:
        """Return what the tags say; None when they are not those of a set."""
        numbers = ("format", "schema", "postgres", "people", "documents", "conversations")
        try:
            counted = {name: int(tags[name]) for name in (*numbers, "bytes", "seconds")}
            return cls(version=tags["version"], audit=tags.get("audit", ""), **counted)
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a drill ended: from where it read (`local`, or a target's number), and how long it took.

    `reason` is a code for programs; the log of the job has the words.
    """

    verdict: Verdict
    at: datetime
    source: str
    seconds: int
    reason: str = ""

    def as_tags(self, snapshot: str) -> list[str]:
        """Return the tags of the report about a snapshot."""
        return [
            f"of={snapshot}",
            f"verdict={self.verdict}",
            f"source={self.source}",
            f"seconds={self.seconds}",
            f"reason={self.reason}",
        ]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A set or a hot snapshot. `id` is the whole one; `drills` has the newest first."""

    id: str
    kind: Kind
    taken_at: datetime
    content: Content
    drills: tuple[Drilled, ...] = ()

    @property
    def drilled(self) -> Drilled | None:
        """The newest drill of the local copy."""
        return next((drill for drill in self.drills if drill.source == "local"), None)

    @property
    def is_verified(self) -> bool:
        """Whether the newest drill restored it without a difference."""
        return self.drilled is not None and self.drilled.verdict is Verdict.VERIFIED


def snapshots_from(listed: Iterable[Mapping[str, Any]]) -> tuple[Snapshot, ...]:
    """Return the sets and hot snapshots of `restic snapshots --json`, the newest first.

    Snapshots that others have put there are left out, and those that lack files.
    """
    found, drills = [], dict[str, list[Drilled]]()
    for entry in listed:
        words = [str(tag) for tag in entry.get("tags") or ()]
        tags = dict(word.split("=", 1) for word in words if "=" in word)
        taken_at = _taken_at(time_of(str(entry["time"])), tags)
        if Kind.REPORT in words:
            if drilled := _drilled(tags, taken_at):
                drills.setdefault(tags.get("of", ""), []).append(drilled)
        elif (content := Content.from_tags(tags)) and (kind := _kind(words)):
            found.append((str(entry["id"]), kind, taken_at, content))
    return tuple(
        Snapshot(*facts, tuple(sorted(drills.get(facts[0], ()), key=lambda d: d.at, reverse=True)))
        for facts in sorted(found, key=lambda facts: facts[2], reverse=True)
        if all(report.reason != INCOMPLETE for report in drills.get(facts[0], ()))
    )


def taken_tag(at: datetime) -> str:
    """Return the tag with the exact time of the content of a snapshot."""
    return f"{_TAKEN}={at.isoformat()}"


def _taken_at(listed: datetime, tags: Mapping[str, str]) -> datetime:
    """Return the exact time, if it is within the second that the program itself keeps."""
    try:
        exact = datetime.fromisoformat(tags[_TAKEN])
        return exact if timedelta(0) <= exact - listed < timedelta(seconds=1) else listed
    except (KeyError, ValueError, TypeError):
        return listed


def _kind(words: list[str]) -> Kind | None:
    return next((kind for kind in (Kind.SET, Kind.HOT) if kind in words), None)


def _drilled(tags: Mapping[str, str], at: datetime) -> Drilled | None:
    try:
        return Drilled(
            Verdict(tags["verdict"]), at, tags["source"], int(tags["seconds"]), tags["reason"]
        )
    except (KeyError, ValueError):
        return None


def time_of(text: str) -> datetime:
    """Return a time as restic writes it. Raises ValueError."""
    return datetime.fromisoformat(_FRACTION.sub(r".\1", text))


@dataclass(frozen=True, slots=True)
class Saved:
    """A new snapshot: its whole id, the bytes that were read, and how much the repository grew."""

    id: str
    processed: int
    added: int
