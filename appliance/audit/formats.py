"""Write rows of the audit for programs and spreadsheets: pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum

from appliance.audit.model import AuditEntry

_COLUMNS = (
    *("id", "at", "actor", "action", "object_type", "object_id", "object", "detail"),
    *("happened_at", "note_id", "position", "hash"),
)
# What a spreadsheet would take for the beginning of a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    """How an export is written; the value is the ending of its file."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON = "json"

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        match self:
            case ExportFormat.CSV:
                return "text/csv"
            case ExportFormat.JSON_LINES:
                return "application/jsonl"
            case ExportFormat.JSON:
                return "application/json"


def as_json(entry: AuditEntry) -> dict[str, object]:
    """Return a row as values that JSON has."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "object": entry.name,
        "detail": entry.detail,
        "happened_at": entry.happened_at.isoformat() if entry.happened_at else None,
        "note_id": str(entry.note_id) if entry.note_id else None,
        "position": entry.position,
        "hash": entry.hash,
    }


def export_piece(form: ExportFormat, entries: Sequence[AuditEntry], *, is_first: bool) -> str:
    """Return the text of some rows of an export; `export_end` comes after the last."""
    match form:
        case ExportFormat.CSV:
            return _csv([_COLUMNS] if is_first else [], entries)
        case ExportFormat.JSON_LINES:
            return "".join(f"{_line(entry)}\n" for entry in entries)
        case ExportFormat.JSON:
            rows = ",\n".join(map(_line, entries))
            return ("[\n" if is_first else ",\n") + rows


def export_end(form: ExportFormat, *, is_empty: bool) -> str:
    """Return what ends an export."""
    match form:
        case ExportFormat.CSV:
            return export_piece(form, (), is_first=True) if is_empty else ""
        case ExportFormat.JSON_LINES:
            return ""
        case ExportFormat.JSON:
            return "[]\n" if is_empty else "\n]\n"


def _line(entry: AuditEntry) -> str:
    return json.dumps(as_json(entry), ensure_ascii=False)


def _csv(heading: list[tuple[str, ...]], entries: Iterable[AuditEntry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows(heading)
    for entry in entries:
        values = as_json(entry) | {"detail": entry.facts}
        cells = ("" if value is None else str(value) for value in values.values())
        writer.writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """Mark text as text where a spreadsheet would calculate it: names are chosen by people."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
