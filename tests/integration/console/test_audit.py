"""What the command line does is in the audit; without a database it is added later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from appliance.actors.model import CommandLine
from appliance.audit.model import Action
from appliance.audit.outage_notes import OutageNotes
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.db.pool import Database, conninfo
from appliance.supervisor.loop import Supervisor
from tests.builders.audit import audit_log, audited
from tests.builders.health import healthy
from tests.builders.services import services_of
from tests.fakes.units import FakeUnits


@asynccontextmanager
async def client_of(
    units: FakeUnits, database: Database, folder: Path
) -> AsyncIterator[aiohttp.ClientSession]:
    """Lend a client of a control socket that records as the supervisor's process does."""
    socket = folder / "control.sock"
    record = partial(audit_log(database, folder).note, CommandLine())
    surroundings = Surroundings((), lambda: "code", record, healthy)
    connector = aiohttp.UnixConnector(str(socket))
    async with (
        control_server(cast("Supervisor", units), services_of(database), surroundings, socket),
        aiohttp.ClientSession("http://control", connector=connector) as client,
    ):
        yield client


async def test_what_the_command_line_does_with_units_is_in_the_audit(
    database: Database, tmp_path: Path
) -> None:
    units = FakeUnits()
    async with client_of(units, database, tmp_path) as client:
        assert (await client.post("/units/ingest/stop")).status == 202
    assert units.wanted == [("stop", "ingest")]
    assert await audited(database) == [("command line", "unit.stop", "ingest")]


async def test_without_a_database_it_is_done_all_the_same_and_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    units = FakeUnits()
    address = conninfo(tmp_path / "nothing", "cloister")
    async with (
        Database(address, wait=0.2) as dark,
        client_of(units, dark, tmp_path) as client,
    ):
        assert (await client.post("/units/postgres/start")).status == 202
    assert units.wanted == [("start", "postgres")]
    said = "audit written later: actor='command line' action=unit.start object='postgres'"
    assert said in caplog.text
    (note,) = await OutageNotes(tmp_path).notes()
    assert (note.actor, note.event.action, note.event.object_id) == (
        "command line",
        Action.UNIT_START,
        "postgres",
    )
