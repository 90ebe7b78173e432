"""The chain of the audit: what a link is, and what is wrong with a chain. Pure.

The hash of a link is the SHA-256 of the hash before it and of the fields of its entry, each with
its length in bytes before it. `core.audit_hash` of the database computes the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

# What the first entry of all continues.
GENESIS = bytes(32)
# The action with which `core.prune_audit` records where the chain begins.
PRUNED = "audit.prune"


class Problem(StrEnum):
    """What is wrong with a chain.

    ADDED: an entry has no link. CUT: the end is missing. START: the chain does not begin where
    retention has recorded it. REWRITTEN: the links fit together, and are not those that an anchor
    has seen.
    """

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    ADDED = "added"
    CUT = "cut"
    START = "start"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a chain, and the hash of the link there."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last link of a chain; `cluster` identifies the database, and no SQL changes it."""

    cluster: str
    position: int
    hash: bytes

    @property
    def mark(self) -> Mark:
        """The place alone."""
        return Mark(self.position, self.hash)

    def as_text(self) -> str:
        """Return what a backup keeps."""
        return f"{self.cluster}:{self.position}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> ChainEnd | None:
        """Read what a backup keeps; None for another text, such as that of an earlier version."""
        cluster, _, rest = text.partition(":")
        position, _, digest = rest.partition(":")
        try:
            end = cls(cluster, int(position), bytes.fromhex(digest))
        except ValueError:
            return None
        return end if len(end.hash) == len(GENESIS) else None


@dataclass(frozen=True, slots=True)
class HashedEntry:
    """An entry as it is hashed: each field as the text that PostgreSQL makes of it.

    Times are microseconds since 1970.
    """

    id: str
    at: str
    actor: str
    action: str
    object_type: str
    object_id: str
    object: str
    detail: str
    happened_at: str
    note_id: str

    def hash(self, previous: bytes) -> bytes:
        """Return the hash of the link of this entry after the hash of another."""
        parts = [getattr(self, name).encode() for name in self.__slots__]
        fields = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        return hashlib.sha256(previous + fields).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One link; `entry` is None where the entry with the id is missing."""

    position: int
    entry_id: int
    hash: bytes
    entry: HashedEntry | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where: a place in the chain, and an entry by its id, if there is one."""

    problem: Problem
    position: int | None = None
    entry_id: int | None = None
    count: int = 1

    def as_json(self) -> dict[str, str | int | None]:
        """Return the shape that programs read."""
        return {
            "problem": self.problem,
            "position": self.position,
            "entry": self.entry_id,
            "count": self.count,
        }


@dataclass(slots=True)
class Walk:
    """Goes along a chain, link by link in the order of their positions.

    `start` is what the first link continues. `wanted` are positions whose hashes are kept in
    `seen`. `first` is the first fault, `before_first` the hash before it, `expected_first` the one
    that its entry should give, `faults` how many there are. After a fault the walk goes on with the
    hash that is there, so that each is counted once.
    """

    start: Mark
    wanted: frozenset[int] = frozenset()
    entries: int = 0
    faults: int = 0
    first: Finding | None = None
    before_first: bytes = GENESIS
    expected_first: bytes = GENESIS
    seen: dict[int, bytes] = field(default_factory=dict)
    last: Mark = field(init=False)
    _pruned: Mark | None = None

    def __post_init__(self) -> None:
        self.last = self.start
        self._see(self.start)

    def follow(self, links: Sequence[Link]) -> None:
        """Go on along these links."""
        for link in links:
            self._step(link)

    def start_finding(self) -> Finding | None:
        """Compare the start with what retention has recorded; ask at the end of the chain."""
        recorded = self._pruned or Mark(0, GENESIS)
        if self.start == recorded:
            return None
        return Finding(Problem.START, self.start.position + 1)

    def _step(self, link: Link) -> None:
        previous = self.last
        if (gap := link.position - previous.position - 1) > 0:
            self._fault(Finding(Problem.MISSING, previous.position + 1, None, gap), link)
        elif link.entry is None:
            self._fault(Finding(Problem.MISSING, link.position, link.entry_id), link)
        elif link.entry.hash(previous.hash) != link.hash:
            self._fault(Finding(Problem.CHANGED, link.position, link.entry_id), link)
        if link.entry is not None:
            self.entries += 1
            self._note_pruning(link.entry)
        self.last = Mark(link.position, link.hash)
        self._see(self.last)

    def _fault(self, finding: Finding, link: Link) -> None:
        self.faults += finding.count
        if self.first is None:
            self.first = finding
            self.before_first, self.expected_first = self.last.hash, link.hash

    def _see(self, mark: Mark) -> None:
        if mark.position in self.wanted:
            self.seen[mark.position] = mark.hash

    def _note_pruning(self, entry: HashedEntry) -> None:
        if entry.action != PRUNED:
            return
        try:
            found = json.loads(entry.detail)
            self._pruned = Mark(int(found["position"]), bytes.fromhex(found["hash"]))
        except (ValueError, KeyError, TypeError):
            # A changed entry is a fault of its own.
            return


def belongs_to_fault(link: Link, previous: bytes, walk: Walk) -> bool:
    """Say whether the entry of another link, after the hash `previous`, belongs to the first fault.

    Either the entry as it is, or what it says under the id that is there. It must be wrong where it
    is: of two entries that say the same, none was exchanged.
    """
    entry, first = link.entry, walk.first
    if entry is None or first is None or entry.hash(previous) == link.hash:
        return False
    under = replace(entry, id=str(first.entry_id))
    return any(one.hash(walk.before_first) == walk.expected_first for one in (entry, under))
