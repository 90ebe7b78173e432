"""Operations in real processes: as our children, and through a systemd of the test."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.operations import child
from appliance.operations.catalog import SET
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationCancelledError, OperationLostError
from appliance.operations.model import Operation
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.operations.systemd import SystemdOperations
from appliance.units.model import Kind, Unit
from tests.fakes.systemd import FakeSystemd, message_bus

SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from appliance.core.clock import SystemClock
from appliance.operations.folder import OperationFolder
from appliance.operations.work import carry_out

async def work(request, report):
    print("output of", os.getpid(), flush=True)
    match request["do"]:
        case "wait":
            report.log("waiting")
            await asyncio.sleep(60)
        case "die":
            os.kill(os.getpid(), 9)
    return {"process": os.getpid()}

folder = OperationFolder(Path(sys.argv[1]))
asyncio.run(carry_out(folder, work, SystemClock()))
"""


class Waiting(NoFollower):
    """Knows when the operation has begun."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    @override
    async def log(self, line: str) -> None:
        self.began.set()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(home=tmp_path)
    settings.logs.mkdir()

    def command(_module: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-c", SCRIPT, str(settings.operations / arguments[-1]))

    monkeypatch.setattr(child, "module_command", command)
    return settings


async def test_a_child_works_and_its_output_is_kept(settings: Settings) -> None:
    async with ChildOperations(settings) as starter:
        runner = OperationRunner(settings.operations, starter, SystemClock())
        found = await runner.run(SET, {"do": "return"}, NoFollower())
        assert not await runner.is_busy(SET)
    assert f"output of {found['process']}" in (settings.logs / "set.log").read_text()


async def test_a_child_that_is_killed_is_lost(settings: Settings) -> None:
    async with ChildOperations(settings) as starter:
        runner = OperationRunner(settings.operations, starter, SystemClock())
        with pytest.raises(OperationLostError):
            await runner.run(SET, {"do": "die"}, NoFollower())
        assert (await runner.run(SET, {"do": "return"}, NoFollower())).keys() == {"process"}


async def test_children_end_with_their_parent(settings: Settings) -> None:
    async with ChildOperations(settings) as starter:
        runner = OperationRunner(settings.operations, starter, SystemClock())
        waiting = Waiting()
        running = asyncio.create_task(runner.run(SET, {"do": "wait"}, waiting))
        await asyncio.wait_for(waiting.began.wait(), 30)
    with pytest.raises(OperationCancelledError):
        await running
    assert not await starter.runs(SET)


async def test_systemd_starts_and_stops_the_unit(settings: Settings, tmp_path: Path) -> None:
    folder = settings.operations / "set"
    folder.mkdir(parents=True)
    command = (sys.executable, "-c", SCRIPT, str(folder))
    unit = Unit(name="backup@set", description="", command=command, directory=tmp_path,
                kind=Kind.SERVICE, probe=None, environment={})  # fmt: skip
    operation = Operation("set", "cloister-backup@set.service")
    async with (
        message_bus(tmp_path) as address,
        FakeSystemd([unit], address=address, journal=tmp_path / "journal") as systemd,
    ):
        starter = SystemdOperations(SystemClock(), address)
        runner = OperationRunner(settings.operations, starter, SystemClock())
        assert "process" in await runner.run(operation, {"do": "return"}, NoFollower())
        waiting = Waiting()
        running = asyncio.create_task(runner.run(operation, {"do": "wait"}, waiting))
        await asyncio.wait_for(waiting.began.wait(), 30)
        assert await runner.is_busy(replace(operation))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not await starter.runs(operation)
        started = ("StartUnit", operation.unit)
        assert systemd.calls.count(started) == 2
