"""The verb `cloister audit`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from appliance.cli.audit import show_audit
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.audit import add_rows
from tests.builders.cli import with_database


@pytest.mark.parametrize("as_json", [True, False])
async def test_it_shows_the_newest_rows_that_fit(
    *,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,
) -> None:
    with_database(monkeypatch, database)
    await add_rows(database, 9)
    await add_rows(database, 1, "bob")
    context = Context(Settings(home=tmp_path), SystemClock(), Output(as_json=as_json))
    options = argparse.Namespace(actor="olga", action="unit", since=None, limit=2)
    assert await show_audit(context, options) is ExitCode.DONE
    shown = capsys.readouterr().out
    if as_json:
        rows = json.loads(shown)
        assert [row["object"] for row in rows] == ["object 8", "object 6"]
        assert rows[0]["object_type"] == "unit"
    else:
        heading, *lines = shown.splitlines()
        assert heading.split() == ["AT", "ACTOR", "ACTION", "OBJECT", "FACTS"]
        assert ["olga" in line and "unit.restart" in line for line in lines] == [True, True]
