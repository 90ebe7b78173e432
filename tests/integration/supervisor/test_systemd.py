"""The systemd driver on a real bus, with a small systemd that runs real programs."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.core.start_settings import StartValue
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.loop import Policy
from appliance.supervisor.model import Phase
from appliance.units import systemd as driver_module
from appliance.units.catalog import Catalog
from appliance.units.errors import UnitUnknownError
from appliance.units.model import EndingKind, Kind, Origin, Unit, UnitState
from tests.integration.supervisor.parts import (
    RELOADS,
    SLEEPER,
    STUBBORN,
    gone,
    kill,
    machine,
    phase,
    pid_of,
    script,
    until,
)
from tests.unit.supervisor.observations import exited, killed

OUTSIDE = "stopped outside of Cloister with systemctl; `cloister start one` starts it again"


@pytest.fixture
def unit(settings: Settings) -> Unit:
    return script("one", SLEEPER, settings.home)


async def test_a_unit_runs_until_it_is_stopped(settings: Settings, unit: Unit) -> None:
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.start(unit)
        status = driver.status("one")
        assert (status.state, status.origin) == (UnitState.RUNNING, Origin.SUPERVISOR)
        assert status.pid is not None
        await driver.stop(unit)
        assert driver.status("one").state is UnitState.STOPPED
        assert driver.status("one").ending == killed(15)
        assert driver.status("one").origin is Origin.SUPERVISOR
        assert gone(status.pid)
        with pytest.raises(UnitUnknownError):
            driver.status("two")


async def test_how_a_unit_ended_is_a_fact(settings: Settings) -> None:
    code = script("code", "raise SystemExit(3)", settings.home)
    clean = script("clean", "pass", settings.home)
    async with machine(settings, code, clean) as made, made.driver() as driver:
        await driver.start(code)
        await driver.start(clean)
        await until(lambda: driver.status("code").state is UnitState.FAILED)
        await until(lambda: driver.status("clean").state is UnitState.FAILED)
        assert driver.status("code").ending == exited(3)
        assert driver.status("clean").ending == exited(0)
        await driver.start(code)
        assert ("ResetFailedUnit", "cloister-code.service") in made.systemd.calls


async def test_a_oneshot_is_watched_while_it_works_and_is_done_afterwards(
    settings: Settings,
) -> None:
    file = settings.run / "go"
    waits = f"import os, time\nwhile not os.path.exists({str(file)!r}): time.sleep(0.01)"
    unit = script("one", waits, settings.home, kind=Kind.ONESHOT, probe=None)
    async with machine(settings, unit) as made, made.driver() as driver:
        await asyncio.wait_for(driver.start(unit), 30)
        assert driver.status("one").state is UnitState.RUNNING
        file.touch()
        await until(lambda: driver.status("one").state is UnitState.DONE)
        async with made.driver() as later:
            assert later.status("one").state is UnitState.STOPPED


async def test_a_refused_start_is_a_failure_with_a_sentence_and_a_hint(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made, made.driver() as driver:
        made.systemd.refused.add(("StartUnit", "cloister-one.service"))
        await driver.start(unit)
        status = driver.status("one")
        assert status.state is UnitState.FAILED
        assert status.ending
        assert status.ending.kind is EndingKind.REFUSED
        assert status.ending.detail == (
            "Interactive authentication required. The rule that allows it belongs "
            "to the package: `apt install --reinstall cloister`."
        )
        assert "start refused" in driver.lines("one", 1)[0]
        made.systemd.refused.clear()
        await driver.start(unit)
        assert driver.status("one").state is UnitState.RUNNING


async def test_a_unit_without_a_file_is_refused(settings: Settings, unit: Unit) -> None:
    async with machine(settings, unit) as made, made.driver() as driver:
        service = made.systemd.services.pop("cloister-one.service")
        await driver.start(unit)
        ending = driver.status("one").ending
        assert ending
        assert "Unit cloister-one.service not found." in ending.detail
        made.systemd.services[service.name] = service


async def test_a_reload_reaches_the_running_process(settings: Settings) -> None:
    unit = script("one", RELOADS, settings.home)
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.reload(unit)
        await driver.start(unit)
        await until(lambda: "here" in driver.lines("one", 5))
        before = driver.status("one")
        await driver.reload(unit)
        await until(lambda: "read again" in driver.lines("one", 5))
        assert driver.status("one") == before
        made.systemd.refused.add(("KillUnit", "cloister-one.service"))
        with pytest.raises(ApplianceError):
            await driver.reload(unit)


async def test_one_that_hangs_is_soon_killed(settings: Settings) -> None:
    unit = script("one", STUBBORN, settings.home, stop_grace=3600.0)
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        await driver.stop(unit, again=True, hung=True)
        assert driver.status("one").state is UnitState.STOPPED
        assert driver.status("one").ending == killed(9)
        assert driver.status("one").origin is Origin.SUPERVISOR


async def test_one_that_may_not_be_killed_is_waited_for(settings: Settings) -> None:
    unit = script("one", STUBBORN, settings.home, stop_grace=3.0)
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.start(unit)
        await until(lambda: driver.lines("one", 1))
        made.systemd.refused.add(("KillUnit", "cloister-one.service"))
        await driver.stop(unit, again=True, hung=True)
        assert driver.status("one").state is UnitState.STOPPED
        assert any("kill refused" in line for line in driver.lines("one", 5))


async def test_a_refused_stop_leaves_the_unit_and_says_so(
    settings: Settings, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "REFUSED_PAUSE", 0.01)
    async with machine(settings, unit) as made, made.driver() as driver:
        await driver.start(unit)
        made.systemd.refused.add(("StopUnit", "cloister-one.service"))
        await driver.stop(unit)
        assert driver.status("one").state is UnitState.RUNNING
        assert any("stop refused" in line for line in driver.lines("one", 5))


async def test_what_an_administrator_stops_stays_down_until_it_is_started(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made, made.supervised() as supervisor:
        await until(supervisor.ready.is_set)
        await made.systemd.ask("stop", "one")
        await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
        assert supervisor.view("one").reason == OUTSIDE
        assert supervisor.all_ready
        await made.systemd.ask("start", "one")
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        kill(first := pid_of(supervisor, "one"))
        await until(lambda: supervisor.view("one").pid not in {None, first})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        await made.systemd.ask("stop", "one")
        await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
        await supervisor.start("one", "Anna")
        await until(lambda: phase(supervisor, "one") is Phase.READY)


async def test_what_an_administrator_starts_or_restarts_is_wanted(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made, made.supervised() as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "one")
        await made.systemd.ask("restart", "one")
        await until(lambda: supervisor.view("one").pid not in {None, first})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert supervisor.view("one").restarts == 0
        assert ("StopUnit", "cloister-one.service") not in made.systemd.calls
        await supervisor.stop("one", "Anna")
        await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
        await made.systemd.ask("start", "one")
        await until(lambda: phase(supervisor, "one") is Phase.READY)


async def test_a_unit_that_was_ended_without_systemd_is_started_again(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made, made.supervised() as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "one")
        os.kill(first, signal.SIGTERM)
        await until(lambda: supervisor.view("one").pid not in {None, first})
        assert supervisor.view("one").restarts == 1


async def test_units_outlive_the_supervisor_and_are_taken_over(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            first = pid_of(supervisor, "one")
        assert not gone(first)
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            assert pid_of(supervisor, "one") == first
            assert supervisor.view("one").restarts == 0
        assert [call for call in made.systemd.calls if call[0] == "StartUnit"] == [
            ("StartUnit", "cloister-one.service")
        ]


async def test_what_the_operator_stopped_stays_down_under_the_next_supervisor(
    settings: Settings, unit: Unit
) -> None:
    oneshot = script("two", "pass", settings.home, kind=Kind.ONESHOT, probe=None)
    async with machine(settings, unit, oneshot) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            await supervisor.stop("one", "Anna")
            await supervisor.stop("two", "Anna")
            await until((settings.run / "stopped.json").exists)
            await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
            asked = supervisor.view("one").stopped_at
            assert asked
        async with made.supervised() as supervisor:
            await until(lambda: phase(supervisor, "two") is Phase.DONE)
            assert phase(supervisor, "one") is Phase.STOPPED
            assert supervisor.view("one").reason == "stopped by Anna"
            assert supervisor.view("one").stopped_by == "Anna"
            assert supervisor.view("one").stopped_at == asked
        await made.systemd.ask("start", "one")
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            assert phase(supervisor, "one") is Phase.READY
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)


async def test_what_systemctl_stopped_is_started_by_the_next_supervisor(
    settings: Settings, unit: Unit
) -> None:
    async with machine(settings, unit) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            await made.systemd.ask("stop", "one")
            await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
            assert supervisor.view("one").stopped_by == "systemctl"
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            assert phase(supervisor, "one") is Phase.READY
            assert supervisor.view("one").stopped_by is None


async def test_a_crash_loop_through_a_socket_is_given_up_and_is_no_request_to_stop(
    settings: Settings,
) -> None:
    unit = script("one", "raise SystemExit(7)", settings.home)
    policy = Policy(backoff=Backoff(first=60.0, budget=4), tick=0.05)
    async with machine(settings, unit) as made:
        service = made.systemd.services["cloister-one.service"]
        # Visitors start it again long before the back-off of the supervisor is over.
        service.visited, service.stop_post = True, 0.05
        async with made.supervised(policy) as supervisor:
            seen: set[Phase] = set()

            def gives_up() -> bool:
                view = supervisor.view("one")
                assert view.stopped_by is None
                seen.add(view.phase)
                return view.phase is Phase.GAVE_UP

            await until(gives_up)
            assert Phase.STOPPED not in seen
            assert Phase.STOPPING not in seen
            view = supervisor.view("one")
            assert view.restarts >= 4
            assert "ended with code 7" in view.reason
            # A visitor may have started it once more in this moment.
            await until(lambda: supervisor.all_ready is False)
            await until(lambda: ("StopUnit", "cloister-one.service") in made.systemd.calls)
            await until(lambda: not service.visited)
            await until(lambda: service.active in {"failed", "inactive"})


async def test_what_is_given_up_is_stopped_so_that_no_visitor_starts_it(
    settings: Settings,
) -> None:
    unit = script("one", "raise SystemExit(7)", settings.home)
    policy = Policy(backoff=Backoff(first=0.01, budget=2), tick=0.05)
    async with machine(settings, unit) as made, made.supervised(policy) as supervisor:
        await until(lambda: phase(supervisor, "one") is Phase.GAVE_UP)
        await until(lambda: ("StopUnit", "cloister-one.service") in made.systemd.calls)


async def test_a_chat_server_that_the_settings_no_longer_ask_for_is_stopped(
    settings: Settings,
) -> None:
    names = ("webchat@1", "webchat@2", "other")
    units = tuple(script(name, SLEEPER, settings.home) for name in names)
    async with machine(settings, *units) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
        made.units = units[:1]
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            services = made.systemd.services
            await until(lambda: services["cloister-webchat@2.service"].active == "inactive")
            assert services["cloister-webchat@1.service"].active == "active"
            assert services["cloister-other.service"].active == "active"


async def test_a_unit_whose_program_was_replaced_is_restarted_by_the_next_supervisor(
    settings: Settings, unit: Unit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    program = settings.run / "program"
    program.write_text("old")
    unit = replace(unit, program_files=(program, settings.run / "missing"))
    async with machine(settings, unit) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            first = pid_of(supervisor, "one")
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            assert pid_of(supervisor, "one") == first
        program.write_text("new")
        async with made.supervised() as supervisor:
            await until(lambda: supervisor.view("one").pid not in {None, first})
            await until(supervisor.ready.is_set)
            assert supervisor.view("one").restarts == 0
    assert "restart one: its program was replaced since it started" in caplog.text


async def test_only_units_whose_settings_were_changed_are_restarted_by_the_next_supervisor(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a crash between the file of the start and the restart, too."""
    caplog.set_level("INFO")
    units = tuple(script(name, SLEEPER, settings.home) for name in ("one", "two"))
    units = tuple(replace(unit, variables=(f"CLOISTER_{unit.name}",)) for unit in units)
    async with machine(settings, *units) as made:
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            first, second = pid_of(supervisor, "one"), pid_of(supervisor, "two")
            supervisor.comes_back = True
        values = {"CLOISTER_one": StartValue("x", datetime.now(UTC))}
        made.units = Catalog(units, ()).configured(values).units
        async with made.supervised() as supervisor:
            await until(lambda: supervisor.view("one").pid not in {None, first})
            await until(supervisor.ready.is_set)
            assert pid_of(supervisor, "two") == second
            restarted = pid_of(supervisor, "one")
        async with made.supervised() as supervisor:
            await until(supervisor.ready.is_set)
            assert pid_of(supervisor, "one") == restarted
    assert "restart one: its settings were changed since it started" in caplog.text


async def test_a_supervisor_that_ends_in_the_middle_of_a_start_does_not_wait(
    settings: Settings,
) -> None:
    forever = "import time\ntime.sleep(600)"
    unit = script("one", forever, settings.home, kind=Kind.ONESHOT, probe=None)
    async with machine(settings, unit) as made:
        async with made.supervised() as supervisor:
            await until(lambda: supervisor.view("one").pid)
            working = pid_of(supervisor, "one")
        async with made.supervised() as supervisor:
            assert pid_of(supervisor, "one") == working
