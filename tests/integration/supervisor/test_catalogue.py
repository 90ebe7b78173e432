"""The catalogue of this machine, with stand-ins only for our own processes."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path

from appliance.core.clock import SystemClock
from appliance.core.process import Running, spawn
from appliance.core.settings import Settings
from appliance.probes.process import directory_of
from appliance.supervisor.model import Phase
from appliance.units.catalog import catalog
from appliance.units.model import Kind, Unit
from appliance.units.programs import find_programs
from tests.integration.supervisor.parts import Answers, gone, phase, supervised, until

# It must not notice that its output has lost its reader.
SILENT = "import time; time.sleep(600)"

SUPERVISE = """
import asyncio, sys
from pathlib import Path
from appliance.core.settings import Settings
from tests.integration.supervisor.parts import supervised
from tests.integration.supervisor.test_catalogue import units_of

async def main():
    home, port, account = sys.argv[1:]
    settings = Settings(home=Path(home), port=int(port), account=account)
    async with supervised(settings, *await units_of(settings)) as supervisor:
        await supervisor.ready.wait()
        print(*(view.pid for view in supervisor.units() if view.pid), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def units_of(settings: Settings) -> tuple[Unit, ...]:
    """Return the real units; our own Python processes, which others test, only sleep."""
    programs = await find_programs(settings)
    found = await asyncio.to_thread(catalog, settings, programs, SystemClock())
    return tuple(_stand_in(unit) if "-m" in unit.command else unit for unit in found.units)


def _stand_in(unit: Unit) -> Unit:
    if unit.kind is Kind.ONESHOT:
        return replace(unit, command=(sys.executable, "-c", "pass"))
    return replace(unit, command=(sys.executable, "-c", SILENT), probe=Answers())


async def processes_in(home: Path) -> list[int]:
    """Return every process whose working directory is in this home."""
    return await asyncio.to_thread(_processes_in, home)


def _processes_in(home: Path) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (found := directory_of(pid)) and found.is_relative_to(home)]


async def test_everything_starts_serves_and_leaves_no_process(settings: Settings) -> None:
    async with supervised(settings, *await units_of(settings)) as supervisor:
        async with asyncio.timeout(30):
            await supervisor.ready.wait()
        names = [view.name for view in supervisor.units()]
        assert names[:2] == ["postgres", "migrate"]
        assert names[-1] == "nginx"
        assert phase(supervisor, "migrate") is Phase.DONE
        assert phase(supervisor, "nginx") is Phase.READY
        assert await processes_in(settings.home)
    assert await processes_in(settings.home) == []


async def _abandoned(settings: Settings) -> list[int]:
    """Kill a supervisor when all its units serve, and return what it left running."""
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    arguments = (str(settings.home), str(settings.port), str(settings.account))
    running: Running = await spawn((sys.executable, "-c", SUPERVISE, *arguments), env=paths)
    async with asyncio.timeout(30):
        line = await running.output.readline()
    running.process.send_signal(signal.SIGKILL)
    await running.process.wait()
    running.pipe.close()
    return [int(word) for word in line.split()]


async def test_after_kill_9_of_the_supervisor_the_next_start_is_clean_and_quick(
    settings: Settings,
) -> None:
    left = await _abandoned(settings)
    assert len(left) >= 4
    assert not any(gone(pid) for pid in left)
    async with asyncio.timeout(30):
        async with supervised(settings, *await units_of(settings)) as supervisor:
            assert all(gone(pid) for pid in left)
            await supervisor.ready.wait()
            assert [view.restarts for view in supervisor.units()] == [0] * len(supervisor.units())
            await until(lambda: "ready to accept" in str(supervisor.lines("postgres", 50)))
            lines = supervisor.lines("postgres", 50)
            assert not any("not properly shut down" in line for line in lines)
    assert await processes_in(settings.home) == []
