"""Anchors: hashes of the chain that are kept outside of the database.

Who may change the database could compute a whole chain again, or cut its end off. An anchor that
the database cannot reach shows both. The supervisor keeps one for each database that it has seen: a
restored one is another database, whose chain goes on from another place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.audit.chain import ChainEnd, Finding, Problem, Walk
from appliance.core.files import private_directory, write_atomically
from appliance.core.json_values import plain
from appliance.repository.catalog import Catalog

FILE = "audit-anchors.json"
# How many databases are remembered: the present one, and those that an undo may return to.
MOST_DATABASES = 8
OWN = "this machine"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An end of the chain as it was at a moment; `source` says where it is kept."""

    end: ChainEnd
    at: datetime
    source: str


def anchors_in(catalog: Catalog | None) -> tuple[Anchor, ...]:
    """Return the anchors of the backups, the oldest first."""
    found = [
        Anchor(end, snapshot.taken_at, f"backup {snapshot.id[:8]}")
        for snapshot in (catalog.snapshots if catalog else ())
        if (end := ChainEnd.parse(snapshot.content.audit))
    ]
    return tuple(sorted(found, key=lambda anchor: anchor.at))


def compare(walk: Walk, anchors: Sequence[Anchor]) -> tuple[Anchor, Finding] | None:
    """Return the first anchor that the chain does not fit, and what that means.

    Anchors of what retention has removed since say nothing any more.
    """
    for anchor in sorted(anchors, key=lambda one: one.end.position):
        position = anchor.end.position
        if position < walk.start.position:
            continue
        if position > walk.last.position:
            count = position - walk.last.position
            return anchor, Finding(Problem.CUT, walk.last.position + 1, count=count)
        if walk.seen.get(position, anchor.end.hash) != anchor.end.hash:
            return anchor, Finding(Problem.REWRITTEN, position)
    return None


class AnchorFile:
    """The supervisor's own anchors, in the folder of its state: the newest of each database."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self) -> tuple[Anchor, ...]:
        """Return the anchors, the newest first; a file that cannot be read has none."""
        try:
            return tuple(map(_anchor, json.loads(self._path.read_text())["anchors"]))
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def write(self, anchor: Anchor) -> None:
        """Keep an anchor in place of the one of the same database. Raises OSError."""
        others = [one for one in self.read() if one.end.cluster != anchor.end.cluster]
        kept = [anchor, *others][:MOST_DATABASES]
        rows = [{**asdict(one.end), "hash": one.end.hash.hex(), "at": one.at} for one in kept]
        private_directory(self._path.parent)
        write_atomically(self._path, json.dumps({"anchors": rows}, default=plain).encode())


def _anchor(found: Mapping[str, Any]) -> Anchor:
    end = ChainEnd(str(found["cluster"]), int(found["position"]), bytes.fromhex(found["hash"]))
    return Anchor(end, datetime.fromisoformat(found["at"]), OWN)
