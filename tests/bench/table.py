"""The table that a run prints: what was measured, beside what it is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = ("measure", "Cloister", "measured against", "ratio or difference", "goal", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. Rows without a goal inform only."""

    measure: str
    cloister: str
    against: str
    comparison: str
    goal: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the line's texts in the order of the headings."""
        met = "" if self.met is None else ("yes" if self.met else "NO")
        return (self.measure, self.cloister, self.against, self.comparison, self.goal, met)


def rendered(rows: Sequence[Row]) -> str:
    """Return a table that is Markdown and is readable in a terminal."""
    lines = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    padded = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])
