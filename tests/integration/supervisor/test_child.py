"""The child process driver with real, small programs."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from appliance.core.settings import Settings
from appliance.units import child
from appliance.units.errors import PreparationError, UnitUnknownError
from appliance.units.model import Ending, EndingKind, Kind, UnitState
from tests.integration.supervisor.parts import (
    RELOADS,
    SLEEPER,
    STUBBORN,
    WITH_GRANDCHILD,
    driver_of,
    gone,
    kill,
    script,
    until,
)
from tests.unit.supervisor.observations import exited, killed


def not_prepared(detail: str) -> Ending:
    return Ending(EndingKind.NOT_PREPARED, detail=detail)


async def test_a_unit_runs_until_it_is_stopped(settings: Settings) -> None:
    unit = script("one", SLEEPER, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        status = driver.status("one")
        assert status.state is UnitState.RUNNING
        assert status.pid is not None
        record = settings.run / "units" / "one.json"
        assert record.exists()
        await driver.stop(unit)
        assert driver.status("one").state is UnitState.STOPPED
        assert driver.status("one").ending == killed(15)
        assert gone(status.pid)
        assert not record.exists()


async def test_a_disk_that_takes_no_record_ends_no_unit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "RECORD_PAUSE", 0.05)
    first, second = (script(name, SLEEPER, settings.home) for name in ("one", "two"))
    async with driver_of((first, second), settings) as driver:
        await driver.start(first)
        records = settings.run / "units"
        records.rename(settings.run / "elsewhere")
        records.write_text("no folder")
        await asyncio.wait_for(driver.start(second), 30)
        states = [driver.status(name).state for name in ("one", "two")]
        records.unlink()
        (settings.run / "elsewhere").rename(records)
        await until((records / "two.json").exists)
        await driver.stop(second)
        await driver.stop(first)
        assert states == [UnitState.RUNNING, UnitState.RUNNING]


async def test_a_defect_in_following_one_unit_leaves_no_caller_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = script("one", SLEEPER, settings.home)
    async with driver_of((unit,), settings) as driver:
        monkeypatch.setattr(child, "reap", None)
        await driver.start(unit)
        os.kill(driver.status("one").pid or 0, signal.SIGKILL)
        await until(lambda: driver.status("one").state is UnitState.FAILED)
        await asyncio.wait_for(driver.stop(unit), 30)


async def test_one_that_ignores_its_signal_is_killed_after_its_grace(settings: Settings) -> None:
    unit = script("one", STUBBORN, settings.home, stop_grace=0.2)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        await driver.stop(unit)
        assert driver.status("one").ending == killed(9)
        assert any("not ended after 0.2 s" in line for line in driver.lines("one", 5))


async def test_a_less_graceful_signal_comes_before_the_kill(settings: Settings) -> None:
    unit = script("one", STUBBORN, settings.home, stop_grace=0.2, last_signal=signal.SIGUSR1)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        await driver.stop(unit)
        assert driver.status("one").ending == killed(signal.SIGUSR1)
        assert not any("not ended" in line for line in driver.lines("one", 5))


async def test_a_reload_reaches_the_running_process(settings: Settings) -> None:
    unit = script("one", RELOADS, settings.home)
    async with driver_of((unit,), settings) as driver:
        # One that does not run reads its files at its start.
        await driver.reload(unit)
        await driver.start(unit)
        await until(lambda: "here" in driver.lines("one", 5))
        before = driver.status("one")
        await driver.reload(unit)
        await until(lambda: "read again" in driver.lines("one", 5))
        assert driver.status("one") == before


async def test_one_that_hangs_is_soon_killed(settings: Settings) -> None:
    unit = script("one", STUBBORN, settings.home, stop_grace=3600.0)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        await driver.stop(unit, again=True, hung=True)
        assert driver.status("one").ending == killed(9)


async def test_one_that_was_paused_can_be_stopped(settings: Settings) -> None:
    unit = script("one", SLEEPER, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        os.kill(driver.status("one").pid or 0, signal.SIGSTOP)
        await driver.stop(unit)
        assert driver.status("one").ending == killed(15)


async def test_what_a_killed_unit_leaves_behind_is_reaped_before_its_end_is_reported(
    settings: Settings,
) -> None:
    unit = script("one", WITH_GRANDCHILD, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        grandchild = int(driver.lines("one", 1)[0].split()[1])
        kill(driver.status("one").pid or 0)
        await until(lambda: driver.status("one").state is UnitState.FAILED)
        assert gone(grandchild)


async def test_leaving_the_driver_leaves_no_process(settings: Settings) -> None:
    unit = script("one", WITH_GRANDCHILD, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        pids = [driver.status("one").pid or 0, int(driver.lines("one", 1)[0].split()[1])]
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize(
    ("code", "state", "ending"),
    [
        ("pass", UnitState.DONE, exited(0)),
        ("raise SystemExit(3)", UnitState.FAILED, exited(3)),
    ],
)
async def test_a_oneshot_is_done_or_has_failed(
    settings: Settings, code: str, state: UnitState, ending: Ending
) -> None:
    unit = script("one", code, settings.home, kind=Kind.ONESHOT)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: not driver.status("one").state.active)
        assert driver.status("one").state is state
        assert driver.status("one").ending == ending


async def test_a_service_that_ends_by_itself_has_failed(settings: Settings) -> None:
    unit = script("one", "print('bye')", settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: not driver.status("one").state.active)
        assert driver.status("one").state is UnitState.FAILED
        assert "bye" in driver.lines("one", 5)


async def test_a_preparation_that_fails_is_the_units_ending_and_a_line_in_its_log(
    settings: Settings,
) -> None:
    async def refuse() -> None:
        raise PreparationError(unit="one", problem="the disk is full")

    unit = script("one", SLEEPER, settings.home, prepare=refuse)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        assert driver.status("one").state is UnitState.FAILED
        assert driver.status("one").ending == not_prepared("one cannot start: the disk is full")
        assert "the disk is full" in driver.lines("one", 1)[0]


async def test_a_defect_in_a_preparation_fails_only_its_unit(settings: Settings) -> None:
    async def broken() -> None:
        raise KeyError("nothing")

    unit = script("one", SLEEPER, settings.home, prepare=broken)
    other = script("two", SLEEPER, settings.home)
    async with driver_of((unit, other), settings) as driver:
        await driver.start(unit)
        await driver.start(other)
        assert driver.status("one").state is UnitState.FAILED
        assert driver.status("two").state is UnitState.RUNNING


async def test_a_program_that_is_not_installed_is_named(settings: Settings) -> None:
    unit = replace(script("one", "", settings.home), command=("no-such-program",))
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        assert driver.status("one").ending == not_prepared(
            "The program no-such-program is not installed."
        )


async def test_lines_are_followed_as_they_come(settings: Settings) -> None:
    code = (
        "import time\nfor n in range(1000):\n    print('line', n, flush=True)\n    time.sleep(0.02)"
    )
    unit = script("one", code, settings.home)
    async with driver_of((unit,), settings) as driver:
        heard: list[str] = []

        async def listen() -> None:
            async for line in driver.follow("one"):
                heard.append(line)  # noqa: PERF401 - an endless comprehension shows nothing

        listener = asyncio.create_task(listen())
        await driver.start(unit)
        await until(lambda: len(heard) >= 3)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        assert heard[:3] == ["line 0", "line 1", "line 2"]
        assert driver.lines("one", 1000)[:3] == ("line 0", "line 1", "line 2")


async def test_an_unknown_unit_is_refused(settings: Settings) -> None:
    async with driver_of((), settings) as driver:
        with pytest.raises(UnitUnknownError, match="no service named “nothing”"):
            driver.lines("nothing", 1)


async def test_errors_and_output_arrive_in_one_log_file(settings: Settings) -> None:
    code = "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr)"
    unit = script("one", code, settings.home)
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: not driver.status("one").state.active)
    text = (settings.logs / "one.log").read_text()
    assert text.startswith("out\nerr\n")


async def test_units_inherit_nothing_but_the_named_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOISTER_TEST_SECRET", "x")
    code = "import os\nprint(sorted(os.environ))"
    unit = script("one", code, settings.home, environment={"GIVEN": "1"})
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        await until(lambda: not driver.status("one").state.active)
        assert driver.lines("one", 2)[0] == "['GIVEN', 'HOME', 'LANG', 'PATH']"
