"""A supervisor that was killed with SIGKILL leaves its units; the next one ends them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.core.process import spawn
from appliance.core.settings import Settings
from appliance.supervisor.model import Phase
from tests.integration.supervisor.parts import (
    SLEEPER,
    driver_of,
    gone,
    kill,
    phase,
    pid_of,
    script,
    supervised,
    until,
)

SUPERVISE = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from appliance.core.settings import Settings
from tests.integration.supervisor.parts import SLEEPER, WITH_GRANDCHILD, script, supervised

async def main():
    settings = Settings(home=Path(sys.argv[1]), account=None)
    units = (script("base", WITH_GRANDCHILD, settings.home), script("site", SLEEPER, settings.home))
    async with supervised(settings, *units) as supervisor:
        await supervisor.ready.wait()
        while not (supervisor.lines("base", 1) and supervisor.lines("site", 1)):
            await asyncio.sleep(0.01)
        grandchild = supervisor.lines("base", 1)[0].split()[1]
        print(*(view.pid for view in supervisor.units()), grandchild, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@asynccontextmanager
async def killed_supervisor(settings: Settings) -> AsyncIterator[list[int]]:
    """Lend the processes that a supervisor left: two units and a grandchild."""
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path) or "."}
    command = (sys.executable, "-c", SUPERVISE, str(settings.home))
    running = await spawn(command, env=environment)
    async with asyncio.timeout(30):
        line = await running.output.readline()
    left = [int(word) for word in line.split()]
    running.process.send_signal(signal.SIGKILL)
    await running.process.wait()
    running.pipe.close()
    try:
        yield left
    finally:
        for pid in left:
            if not gone(pid):
                kill(pid)


async def test_the_next_start_ends_what_is_left_and_starts_clean(settings: Settings) -> None:
    async with killed_supervisor(settings) as left:
        assert not any(gone(pid) for pid in left)
        units = (
            script("base", SLEEPER, settings.home),
            script("site", SLEEPER, settings.home),
        )
        async with supervised(settings, *units) as supervisor:
            assert all(gone(pid) for pid in left)
            await until(supervisor.ready.is_set)
            assert phase(supervisor, "base") is Phase.READY
            assert pid_of(supervisor, "base") not in left


async def test_a_grandchild_is_ended_when_its_unit_has_died_meanwhile(settings: Settings) -> None:
    async with killed_supervisor(settings) as left:
        base, _, grandchild = left
        kill(base)
        await until(lambda: gone(base))
        assert not gone(grandchild)
        async with driver_of((), settings) as driver:
            assert set(await driver.clean()) == {"base", "site"}
        assert gone(grandchild)


async def test_a_process_that_only_has_the_same_number_is_left_alone(settings: Settings) -> None:
    unit = script("one", SLEEPER, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        record = settings.run / "units" / "one.json"
        facts = json.loads(record.read_text())
        facts["start_time"] -= 100
        record.write_text(json.dumps({**facts, "directory": "/elsewhere"}))
        async with driver_of((unit,), settings) as next_driver:
            assert await next_driver.clean() == ()
        assert not gone(facts["pid"])


async def test_records_of_another_boot_and_broken_records_are_ignored(settings: Settings) -> None:
    folder = settings.run / "units"
    folder.mkdir()
    (folder / "broken.json").write_text("{")
    other = {
        "unit": "one", "pid": os.getpid(), "start_time": 1, "boot": "other", "order": 0,
        "directory": "/", "stop_signal": 15, "stop_grace": 1.0,
    }  # fmt: skip
    (folder / "one.json").write_text(json.dumps(other))
    async with driver_of((), settings) as driver:
        assert await driver.clean() == ()
    assert list(folder.iterdir()) == []
