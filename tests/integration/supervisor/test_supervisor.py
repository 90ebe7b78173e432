"""The supervisor with real, small programs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.supervisor import loop
from appliance.supervisor.errors import SupervisorRunningError
from appliance.supervisor.lock import Lock
from appliance.supervisor.model import Phase
from appliance.units.model import Kind
from tests.integration.supervisor.parts import (
    SLEEPER,
    Written,
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
        script("base", writes("base", file), settings.home, probe=Written(file, "+base")),
    )
    async with supervised(settings, *units) as supervisor:
        await until(supervisor.ready.is_set)
        await until(lambda: file.read_text().count("+") == 3)
        assert phase(supervisor, "schema") is Phase.DONE
    words = file.read_text().split()
    assert words.index("+base") < words.index("+site")
    assert words[3:] == ["-front", "-site", "-base"]


async def test_listeners_hear_everything_once_and_then_each_change(settings: Settings) -> None:
    async with supervised(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        changes = supervisor.subscribe()
        assert await anext(changes) == ("one",)
        kill(pid_of(supervisor, "one"))
        async with asyncio.timeout(30):
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
    ended = []

    async def prepare() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("one")

    unit = script("one", SLEEPER, settings.home, prepare=prepare)
    async with supervised(settings, unit) as supervisor:
        await until(lambda: phase(supervisor, "one") is Phase.STARTING)
        assert supervisor.view("one").reason == "it is being prepared"
    assert ended == ["one"]


def test_a_full_disk_takes_only_the_number_in_the_lock(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    lock = Lock(settings.run / "supervisor.lock")
    monkeypatch.setattr(os, "write", no_space)
    lock.take()
    monkeypatch.undo()
    with pytest.raises(SupervisorRunningError):
        Lock(settings.run / "supervisor.lock").take()
    lock.release()


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
