"""The control socket, as the command line uses it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from datetime import datetime

import aiohttp
import pytest

from appliance.audit.model import AuditEvent
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core.settings import Settings
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from appliance.units.model import Absent
from tests.builders.health import healthy
from tests.builders.services import services_without_database
from tests.integration.supervisor.parts import phase, script, supervised, until

TALKER = (
    "import time\nprint('first', flush=True)\n"
    "while True:\n    print('again', flush=True)\n    time.sleep(0.05)"
)


@pytest.fixture
def audit() -> list[tuple[str, str]]:
    """Which actions were recorded, of what."""
    return []


@pytest.fixture
async def supervisor(settings: Settings, audit: list[tuple[str, str]]) -> AsyncIterator[Supervisor]:
    async def record(event: AuditEvent) -> None:
        audit.append((event.action, event.object_id))

    absent = (Absent("nginx", "not installed"),)
    surroundings = Surroundings(absent, lambda: "a-rescue-code", record, healthy)
    async with (
        supervised(settings, script("one", TALKER, settings.home)) as supervisor,
        control_server(
            supervisor, services_without_database(), surroundings, settings.control_socket
        ),
    ):
        await until(supervisor.ready.is_set)
        await until(lambda: supervisor.lines("one", 1))
        yield supervisor


@pytest.fixture
async def client(
    settings: Settings, supervisor: Supervisor
) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(str(settings.control_socket))
    async with aiohttp.ClientSession("http://supervisor", connector=connector) as client:
        yield client


async def test_it_lists_the_units(client: aiohttp.ClientSession) -> None:
    async with client.get("/units") as answer:
        facts = await answer.json()
    assert facts["ready"] is True
    assert facts["absent"] == [{"name": "nginx", "reason": "not installed", "state": "off"}]
    (unit,) = facts["units"]
    assert unit["name"] == "one"
    assert unit["state"] == "ready"
    assert unit["reading"]["state"] == "ok"
    assert unit["restarts"] == 0
    assert "first" in unit["lines"]


async def test_it_stops_and_starts_a_unit(
    client: aiohttp.ClientSession, supervisor: Supervisor
) -> None:
    async with client.post("/units/one/stop") as answer:
        assert answer.status == 202
    await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
    async with client.get("/units/one") as answer:
        unit = await answer.json()
    assert unit["reason"] == "stopped by the command line"
    assert unit["cause"] == "stopped_on_request"
    assert unit["stopped_by"] == "the command line"
    assert datetime.fromisoformat(unit["stopped_at"]) <= datetime.fromisoformat(unit["since"])
    async with client.post("/units/one/start") as answer:
        assert answer.status == 202
    await until(lambda: phase(supervisor, "one") is Phase.READY)
    before = supervisor.view("one").pid
    async with client.post("/units/one/restart") as answer:
        assert answer.status == 202
    await until(lambda: supervisor.view("one").pid not in {None, before})


async def test_it_makes_a_code_for_the_console(client: aiohttp.ClientSession) -> None:
    async with client.post("/rescue") as answer:
        assert await answer.json() == {"code": "a-rescue-code"}


async def test_each_action_is_recorded_and_nothing_else(
    client: aiohttp.ClientSession, audit: list[tuple[str, str]]
) -> None:
    for verb in ("stop", "start", "restart"):
        await client.post(f"/units/one/{verb}")
    await client.post("/rescue")
    await client.post("/models/fetch", json={"model": "tiny:3b"})
    await client.post("/units/two/stop")
    await client.get("/units")
    assert audit == [
        ("unit.stop", "one"),
        ("unit.start", "one"),
        ("unit.restart", "one"),
        ("rescue_code.create", ""),
        ("model.fetch", "tiny:3b"),
    ]


async def test_it_shows_and_follows_a_log(client: aiohttp.ClientSession) -> None:
    async with client.get("/units/one/logs", params={"lines": "1000"}) as answer:
        assert (await answer.json())["lines"][0] == "first"
    async with client.get("/units/one/logs", params={"lines": "0", "follow": "1"}) as answer:
        async with asyncio.timeout(30):
            assert await answer.content.readline() == b"again\n"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/units/two", 404, "unit_unknown"),
        ("/units/two/logs", 404, "unit_unknown"),
        ("/units/one/logs?lines=x", 422, "invalid_input"),
        ("/nowhere", 404, "not_found"),
    ],
)
async def test_errors_are_json_with_a_code(
    client: aiohttp.ClientSession, path: str, status: int, code: str
) -> None:
    async with client.get(path) as answer:
        assert answer.status == status
        assert (await answer.json())["code"] == code


async def test_an_unknown_address_speaks_of_ids_and_names(client: aiohttp.ClientSession) -> None:
    async with client.post("/units/one/two/start") as answer:
        error = await answer.json()
    assert error["message"] == "Cloister has nothing with this id or name."
    assert "cloister status" in error["hint"]


async def test_only_the_owner_may_open_the_socket(
    settings: Settings, client: aiohttp.ClientSession
) -> None:
    assert stat.S_IMODE(settings.control_socket.stat().st_mode) == 0o600
