"""A machine that was claimed before there was a guide is not asked to set itself up again."""

from __future__ import annotations

import psycopg
import pytest

from appliance.core.clock import SystemClock
from appliance.db import migrate as module
from appliance.db.migrate import migrate, migrations
from appliance.db.pool import Database, conninfo
from appliance.setup.service import SetupService
from tests.postgres import Server

PERSON = "INSERT INTO core.account (name, display_name, role) VALUES ('olga', 'Olga', %s)"


@pytest.mark.parametrize(("role", "is_finished"), [("operator", True), ("member", False)])
async def test_the_upgrade_of_a_claimed_machine_counts_as_set_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, role: str, *, is_finished: bool
) -> None:
    address = conninfo(server.socket, "cloister", database=await server.create_empty())
    known = migrations()
    (at,) = [at for at, each in enumerate(known) if each.name.endswith("guided_setup.sql")]
    with monkeypatch.context() as earlier:
        earlier.setattr(module, "migrations", lambda: known[:at])
        await migrate(address)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(PERSON, (role,))
    await migrate(address)
    async with Database(address) as database:
        progress = await SetupService(database, SystemClock()).progress()
    assert progress.is_finished is is_finished
