"""The systemd driver while its bus or the journal's reader comes and goes."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.units import systemd as driver_module
from appliance.units.errors import SystemBusError
from appliance.units.model import Unit, UnitState
from tests.fakes.systemd import message_bus
from tests.integration.supervisor.parts import (
    SLEEPER,
    Machine,
    gone,
    kill,
    machine,
    script,
    until,
)
from tests.unit.supervisor.observations import killed


@pytest.fixture
def unit(settings: Settings) -> Unit:
    return script("one", SLEEPER, settings.home)


@pytest.fixture
def lost_connections() -> Iterator[None]:
    """The library leaves a socket whose other end went away to Python's garbage collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.usefixtures("lost_connections")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_when_the_bus_comes_back_everything_is_read_again(
    settings: Settings, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "RECONNECT_PAUSE", 0.02)
    async with message_bus(settings.run) as address:
        made = Machine((unit,), settings, address)
        stack = made.systemd
        await stack.__aenter__()
        driver = made.driver()
        await driver.__aenter__()
        await driver.start(unit)
        first = driver.status("one").pid
    await stack.leave()
    assert driver.status("one").pid == first
    kill(first or 0)
    await until(lambda: gone(first or 0))
    async with message_bus(settings.run):
        await stack.join()
        await until(lambda: driver.status("one").state is UnitState.FAILED)
        assert driver.status("one").ending == killed(9)
        await driver.start(unit)
        assert driver.status("one").state is UnitState.RUNNING
        kill(driver.status("one").pid or 0)
        await until(lambda: driver.status("one").state is UnitState.FAILED)
        await driver.__aexit__()
        await stack.__aexit__()


async def test_when_systemd_comes_back_to_the_bus_it_is_asked_again(
    settings: Settings, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "RECONNECT_PAUSE", 0.02)
    async with machine(settings, unit) as made, made.driver() as driver:
        await made.systemd.leave()
        await made.systemd.join()
        await until(lambda: made.systemd.calls.count(("Subscribe", "")) == 2)
        await driver.start(unit)
        assert driver.status("one").state is UnitState.RUNNING


@pytest.mark.usefixtures("lost_connections")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_without_a_bus_there_is_no_driver(settings: Settings, unit: Unit) -> None:
    made = Machine((unit,), settings, f"unix:path={settings.run / 'nowhere'}")
    with pytest.raises(SystemBusError):
        await made.driver().__aenter__()


async def test_a_bus_without_systemd_is_not_enough(settings: Settings, unit: Unit) -> None:
    async with message_bus(settings.run) as address:
        with pytest.raises(SystemBusError):
            await Machine((unit,), settings, address).driver().__aenter__()


async def test_lines_come_from_the_journal_also_after_journalctl_has_ended(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.start(unit)
        await until(lambda: "here" in driver.lines("one", 5))
        lines = driver.follow("one")
        following = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        made.systemd.write("one", [104, 105])
        assert await asyncio.wait_for(following, 30) == "hi"
        await lines.aclose()  # type: ignore[attr-defined]
        (follower,) = followers_of(made)
        kill(follower)
        made.systemd.write("one", "again")
        await until(lambda: driver.lines("one", 1) == ("again",))
    assert not followers_of(made)


def followers_of(made: Machine) -> list[int]:
    """Return the processes that follow this machine's journal."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if words[0] == "tail" and str(made.journal) in words:
            found.append(int(folder.name))
    return found
