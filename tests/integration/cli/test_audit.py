"""The verb `cloister audit`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.outage_notes import Note, OutageNotes
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.db.pool import Database
from tests.builders.audit import add_rows, audit_log
from tests.builders.cli import run_verb
from tests.fakes.clock import START


async def test_it_shows_the_newest_rows_that_fit(
    context: Context, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await add_rows(database, 9)
    await add_rows(database, 1, "bob")
    words = ("audit", "--actor", "olga", "--action", "unit", "--limit", "2")
    assert await run_verb(context, *words) is ExitCode.DONE
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["AT", "ACTOR", "ACTION", "OBJECT", "FACTS"]
    assert ["olga" in line and "unit.restart" in line for line in lines] == [True, True]
    as_json = replace(context, output=Output(as_json=True))
    assert await run_verb(as_json, *words) is ExitCode.DONE
    rows = json.loads(capsys.readouterr().out)
    assert [row["object"] for row in rows] == ["object 8", "object 6"]
    assert rows[0]["object_type"] == "unit"


async def test_an_entry_of_an_outage_has_the_time_when_it_happened(
    context: Context, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = AuditEvent(Action.RESCUE_CODE_USE, ObjectType.RESCUE_CODE, detail={"address": "::1"})
    await OutageNotes(tmp_path).keep(Note(uuid4(), START, "rescue code", event))
    await audit_log(database, tmp_path).add_notes()
    assert await run_verb(context, "audit") is ExitCode.DONE
    _, line = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{START.astimezone():%Y-%m-%d %H:%M}")
    assert line.endswith("address: ::1, added afterwards")


async def test_rows_before_a_time_are_left_out(
    context: Context, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await add_rows(database, 3)
    assert await run_verb(context, "audit", "--since", "2999-01-01") is ExitCode.DONE
    assert capsys.readouterr().out == "Nothing was recorded that fits.\n"
