"""Rows of the audit for programs and for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from appliance.audit.formats import ExportFormat, export_end, export_piece
from appliance.audit.model import AuditEntry
from tests.fakes.clock import START


def entry(number: int, name: str = "bob", **detail: str | int) -> AuditEntry:
    return AuditEntry(
        number, START, "olga", "person.add", "person", "7", name, detail, position=number, hash="ab"
    )


def exported(form: ExportFormat, *pieces: list[AuditEntry]) -> str:
    texts = [export_piece(form, piece, is_first=piece is pieces[0]) for piece in pieces]
    return "".join(texts) + export_end(form, is_empty=not pieces)


def test_json_is_one_list_however_many_pieces_it_came_in() -> None:
    rows = json.loads(
        exported(ExportFormat.JSON, [entry(3), entry(2, "ü “b”")], [entry(1, count=4)])
    )
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert rows[1]["object"] == "ü “b”"
    assert rows[2]["detail"] == {"count": 4}
    assert json.loads(exported(ExportFormat.JSON)) == []


def test_json_lines_has_an_object_a_line_and_nothing_else() -> None:
    late = replace(entry(1, "a\nb"), happened_at=START)
    text = exported(ExportFormat.JSON_LINES, [entry(2, "ü", count=4)], [late])
    second, first = map(json.loads, text.splitlines())
    assert (second["object"], second["detail"], second["happened_at"]) == ("ü", {"count": 4}, None)
    assert (first["object"], first["happened_at"]) == ("a\nb", START.isoformat())
    assert (first["position"], first["hash"]) == (1, "ab")
    assert text.endswith("\n")
    assert exported(ExportFormat.JSON_LINES) == ""


def test_csv_has_one_heading_and_a_line_a_row() -> None:
    text = exported(ExportFormat.CSV, [entry(2, "a,b\n“c”")], [entry(1, address="::1", count=2)])
    heading, second, first = csv.reader(io.StringIO(text))
    assert heading[:4] == ["id", "at", "actor", "action"]
    assert second[6] == "a,b\n“c”"
    assert first[7:] == ["address: ::1, count: 2", "", "", "1", "ab"]
    assert exported(ExportFormat.CSV).splitlines() == [",".join(heading)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_spreadsheet_is_calculated(start: str) -> None:
    text = exported(ExportFormat.CSV, [entry(1, f"{start}HYPERLINK(1)")])
    _, row = csv.reader(io.StringIO(text, newline=""))
    assert row[6] == f"'{start}HYPERLINK(1)"
