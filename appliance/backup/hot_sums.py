"""What the database was like when it was saved last, so that nothing is saved twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.backup.layout import DERIVED
from appliance.backup.manifest import TableSum
from appliance.core.files import write_atomically

FILE = "hot-sums.json"
# A backup is a job itself, whose row changes each time; its own end is no change that counts.
_NOT_COMPARED = {*DERIVED, "core.job"}


@dataclass(frozen=True, slots=True)
class SavedState:
    """The tables that a snapshot holds, as far as a hot one would have them.

    `snapshot` is its id, `schema` the number of its last migration.
    """

    snapshot: str
    schema: int
    tables: Mapping[str, TableSum]

    def is_like(self, schema: int, tables: Mapping[str, TableSum]) -> bool:
        """Say whether the database is still as it was then."""
        return schema == self.schema and _compared(tables) == _compared(self.tables)


def write(path: Path, state: SavedState) -> None:
    """Keep the state. Raises OSError."""
    tables = {name: [table.rows, table.sum] for name, table in _compared(state.tables).items()}
    content = {"snapshot": state.snapshot, "schema": state.schema, "tables": tables}
    write_atomically(path, json.dumps(content).encode())


def read(path: Path) -> SavedState | None:
    """Return the state; None without one, or if it cannot be read."""
    try:
        found = json.loads(path.read_text())
        tables = {name: TableSum(*map(int, pair)) for name, pair in found["tables"].items()}
        return SavedState(str(found["snapshot"]), int(found["schema"]), tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _compared(tables: Mapping[str, TableSum]) -> dict[str, TableSum]:
    return {name: table for name, table in tables.items() if name not in _NOT_COMPARED}
