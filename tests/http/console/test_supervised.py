"""The console over a real supervisor with real processes, while no database is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from admin.rescue import Rescue
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from tests.fakes.ollama import FakeOllama
from tests.http.console.conftest import ConsoleBrowser, EventReader, Open, Serve
from tests.integration.supervisor.parts import (
    SLEEPER,
    kill,
    phase,
    pid_of,
    script,
    supervised,
    temporary_home,
    until,
)


@pytest.fixture
def settings(runner: FakeOllama) -> Iterator[Settings]:
    """A home that its programs may enter."""
    with temporary_home() as home:
        yield Settings(home=home.home, ollama_url=runner.address)


@pytest.fixture
async def units(settings: Settings) -> AsyncIterator[Supervisor]:
    """A supervisor with one unit that runs on."""
    async with supervised(settings, script("sleeper", SLEEPER, settings.home)) as supervisor:
        await until(lambda: phase(supervisor, "sleeper") is Phase.READY)
        yield supervisor


@pytest.fixture
async def rescuer(
    serve: Serve, dark_database: Database, open_browser: Open, rescue: Rescue
) -> ConsoleBrowser:
    """Somebody who came in with a rescue code."""
    browser = open_browser(await serve(dark_database))
    assert (await browser.post("/admin/rescue", {"code": rescue.new_code().text})).status == 303
    return browser


async def test_a_unit_is_stopped_and_started(rescuer: ConsoleBrowser, units: Supervisor) -> None:
    assert "Test unit sleeper" in await rescuer.text("/admin/")
    await rescuer.post("/admin/units/sleeper/stop")
    await until(lambda: phase(units, "sleeper") is Phase.STOPPED)
    assert "stopped by the holder of a rescue code" in await rescuer.text("/admin/units/sleeper")
    await rescuer.post("/admin/units/sleeper/start")
    await until(lambda: phase(units, "sleeper") is Phase.READY)


async def test_a_unit_that_dies_is_seen_to_come_back(
    rescuer: ConsoleBrowser, units: Supervisor
) -> None:
    async with rescuer.client.get("/admin/units/sleeper/log") as answer:
        reader = EventReader(answer)
        assert "here" in await reader.until("log", "")
        kill(pid_of(units, "sleeper"))
        assert "killed by SIGKILL" in await reader.until("lines", "cloister:")
    await until(lambda: phase(units, "sleeper") is Phase.READY)
    page = await rescuer.text("/admin/units/sleeper")
    assert page.count(">here<") == 2
