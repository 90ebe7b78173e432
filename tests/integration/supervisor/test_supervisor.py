"""The supervisor with real, small programs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.probes.model import ReadingState
from appliance.supervisor import decide, loop
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.errors import SupervisorRunningError
from appliance.supervisor.loop import Policy
from appliance.supervisor.model import Phase
from appliance.units.errors import UnitUnknownError
from appliance.units.model import Kind
from tests.integration.supervisor.parts import (
    SLEEPER,
    WITH_GRANDCHILD,
    Answers,
    gone,
    kill,
    phase,
    pid_of,
    script,
    supervised,
    until,
)


def writes(word: str, file: Path) -> str:
    """Return a program that writes when it starts and when it is asked to stop."""
    return (
        "import signal, sys, time\n"
        f"def say(text):\n    print(text, file=open({str(file)!r}, 'a'), flush=True)\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.1), say('-{word}'), sys.exit()))\n"
        f"say('+{word}')\n"
        "time.sleep(600)"
    )


async def test_units_start_in_order_of_need_and_stop_in_reverse(settings: Settings) -> None:
    file = settings.run / "order"
    units = (
        script("front", writes("front", file), settings.home, fronts=("site",)),
        script("site", writes("site", file), settings.home, needs=("schema",)),
        script("schema", "pass", settings.home, needs=("base",), kind=Kind.ONESHOT, probe=None),
        script("base", writes("base", file), settings.home),
    )
    async with supervised(settings, *units) as supervisor:
        await until(supervisor.ready.is_set)
        await until(lambda: file.read_text().count("+") == 3)
        assert phase(supervisor, "schema") is Phase.DONE
    words = file.read_text().split()
    assert words.index("+base") < words.index("+site")
    assert words[3:] == ["-front", "-site", "-base"]


async def test_a_unit_whose_need_is_not_ready_waits_and_says_for_what(settings: Settings) -> None:
    answers = Answers(ReadingState.NOT_READY, "is starting up")
    units = (
        script("base", SLEEPER, settings.home, probe=answers),
        script("site", SLEEPER, settings.home, needs=("base",)),
    )
    async with supervised(settings, *units) as supervisor:
        await until(lambda: "is starting up" in supervisor.view("base").reason)
        assert phase(supervisor, "site") is Phase.WAITING
        assert supervisor.view("site").reason == "waits for base"
        assert not supervisor.all_ready
        answers.state = ReadingState.OK
        await until(supervisor.ready.is_set)


async def test_after_kill_9_a_unit_serves_again_at_once(settings: Settings) -> None:
    async with supervised(settings, script("one", WITH_GRANDCHILD, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        killed = pid_of(supervisor, "one")
        begun = time.monotonic()
        kill(killed)
        await until(lambda: supervisor.view("one").pid not in {None, killed})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert time.monotonic() - begun < 5
        assert supervisor.view("one").restarts == 1


async def test_a_unit_is_not_restarted_because_its_need_goes_down(settings: Settings) -> None:
    units = (
        script("base", SLEEPER, settings.home),
        script("site", SLEEPER, settings.home, needs=("base",)),
    )
    async with supervised(settings, *units) as supervisor:
        await until(supervisor.ready.is_set)
        site, base = pid_of(supervisor, "site"), pid_of(supervisor, "base")
        kill(base)
        await until(lambda: supervisor.view("base").pid not in {None, base})
        await until(lambda: supervisor.all_ready)
        assert pid_of(supervisor, "site") == site
        assert supervisor.view("site").restarts == 0


async def test_it_gives_up_when_the_budget_is_spent_and_shows_the_last_lines(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    unit = script("one", "print('no such table')\nraise SystemExit(7)", settings.home)
    policy = Policy(backoff=Backoff(first=0.01, budget=3), tick=0.05)
    async with supervised(settings, unit, policy=policy) as supervisor:
        await until(lambda: phase(supervisor, "one") is Phase.GAVE_UP)
        view = supervisor.view("one")
        assert view.reason == "gave up: 3 restarts in 30 min, the last time it ended with code 7"
        assert view.restarts == 3
        assert "no such table" in view.lines
        assert "no such table" in caplog.text
        await supervisor.start("one")
        await until(lambda: supervisor.view("one").restarts > 3)


async def test_a_unit_that_hangs_is_restarted_after_failed_readings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "FAILING_SECONDS", 0.3)
    answers = Answers()
    unit = script("one", SLEEPER, settings.home, probe=answers)
    policy = Policy(tick=0.05, failing=0.1)
    async with supervised(settings, unit, policy=policy) as supervisor:
        await until(supervisor.ready.is_set)
        hung = pid_of(supervisor, "one")
        answers.state, answers.sentence = ReadingState.FAILED, "no answer within 3 s"
        await until(lambda: phase(supervisor, "one") is Phase.FAILING)
        await until(lambda: supervisor.view("one").pid not in {None, hung})
        answers.state = ReadingState.OK
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert gone(hung)


async def test_the_operator_stops_starts_and_restarts_a_unit(settings: Settings) -> None:
    async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "one")
        await supervisor.stop("one")
        await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
        assert gone(first)
        assert supervisor.view("one").reason == "the operator stopped it"
        await supervisor.start("one")
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        second = pid_of(supervisor, "one")
        await supervisor.restart("one")
        await until(lambda: supervisor.view("one").pid not in {None, second})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert supervisor.view("one").restarts == 0
        with pytest.raises(UnitUnknownError):
            await supervisor.stop("two")


async def test_a_oneshot_runs_again_when_the_operator_restarts_it(settings: Settings) -> None:
    file = settings.run / "ran"
    code = f"print('x', file=open({str(file)!r}, 'a'))"
    unit = script("schema", code, settings.home, kind=Kind.ONESHOT, probe=None)
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        await supervisor.restart("schema")
        await until(lambda: file.read_text().count("x") == 2)
        await until(lambda: phase(supervisor, "schema") is Phase.DONE)


async def test_listeners_hear_everything_once_and_then_each_change(settings: Settings) -> None:
    async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        changes = supervisor.subscribe()
        assert await anext(changes) == ("one",)
        kill(pid_of(supervisor, "one"))
        async with asyncio.timeout(5):
            assert await anext(changes) == ("one",)
        await changes.aclose()  # type: ignore[attr-defined]


async def test_a_second_supervisor_of_the_same_home_is_refused(settings: Settings) -> None:
    async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        with pytest.raises(SupervisorRunningError):
            async with supervised(settings, script("one", SLEEPER, settings.home)):
                pass
        assert phase(supervisor, "one") is Phase.READY
    async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)


async def test_a_stop_in_the_middle_of_a_preparation_does_not_wait_for_it(
    settings: Settings,
) -> None:
    unit = script("one", SLEEPER, settings.home, prepare=lambda: asyncio.sleep(60))
    begun = time.monotonic()
    async with supervised(settings, unit) as supervisor:
        await until(lambda: phase(supervisor, "one") is Phase.STARTING)
        assert supervisor.view("one").reason == "it is being prepared"
    assert time.monotonic() - begun < 5


async def test_an_error_in_the_block_still_stops_the_units(settings: Settings) -> None:
    pids = []

    async def fail_in_the_middle() -> None:
        async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
            await until(supervisor.ready.is_set)
            pids.append(pid_of(supervisor, "one"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_in_the_middle()
    assert gone(pids[0])


async def test_a_defect_in_the_loop_ends_the_supervisor_and_leaves_no_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = []

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def run_until_the_defect() -> None:
        async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
            await until(supervisor.ready.is_set)
            pids.append(pid_of(supervisor, "one"))
            monkeypatch.setattr(loop, "decide", broken)
            await asyncio.sleep(60)

    with pytest.raises(BaseExceptionGroup) as raised:
        await run_until_the_defect()
    assert raised.group_contains(ZeroDivisionError)
    assert gone(pids[0])
