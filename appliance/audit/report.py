"""What a verification of the audit found: kept in a file, which is read without the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.audit.chain import Finding, Problem
from appliance.core.files import private_directory, write_atomically

FILE = "audit-verified.json"


@dataclass(frozen=True, slots=True)
class Anchored:
    """An anchor that the chain does not fit: where it is kept, and when it was made."""

    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification.

    `entries` were verified, from `first_position` to `last_position`; `anchors` were compared.
    `finding` is the first fault, `faults` how many entries have one. `entry` is what the entry with
    the fault says now, `anchor` the one that does not fit. `end` is an anchor of this moment.
    """

    at: datetime
    entries: int
    first_position: int
    last_position: int
    anchors: int
    faults: int = 0
    finding: Finding | None = None
    entry: Mapping[str, str] | None = None
    anchor: Anchored | None = None
    end: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return self.finding is None

    def as_json(self) -> dict[str, object]:
        """Return the shape that programs read, and that `parse` does."""
        anchor = self.anchor
        return {
            "whole": self.is_whole,
            "verified_at": self.at.isoformat(),
            "entries": self.entries,
            "first_position": self.first_position,
            "last_position": self.last_position,
            "anchors": self.anchors,
            "end": self.end,
            "faults": self.faults,
            "finding": self.finding.as_json() if self.finding else None,
            "entry": dict(self.entry) if self.entry else None,
            "anchor": {"source": anchor.source, "at": anchor.at.isoformat()} if anchor else None,
        }

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Report:
        """Read what `as_json` wrote. Raises ValueError, KeyError and TypeError."""
        finding, anchor = found["finding"], found["anchor"]
        return cls(
            at=datetime.fromisoformat(found["verified_at"]),
            entries=int(found["entries"]),
            first_position=int(found["first_position"]),
            last_position=int(found["last_position"]),
            anchors=int(found["anchors"]),
            faults=int(found["faults"]),
            finding=_finding(finding) if finding else None,
            entry=found["entry"],
            anchor=Anchored(anchor["source"], datetime.fromisoformat(anchor["at"]))
            if anchor
            else None,
            end=str(found["end"]),
        )


def read_report(folder: Path) -> Report | None:
    """Return the latest report; None without one, or if it cannot be read."""
    try:
        return Report.parse(json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_report(folder: Path, report: Report) -> None:
    """Keep a report in place of the one before. Raises OSError."""
    private_directory(folder)
    write_atomically(folder / FILE, json.dumps(report.as_json()).encode())


def _finding(found: Mapping[str, Any]) -> Finding:
    return Finding(
        Problem(found["problem"]), found["position"], found["entry"], int(found["count"])
    )
