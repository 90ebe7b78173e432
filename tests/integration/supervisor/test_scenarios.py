"""What a supervisor does, whatever runs its units: real, small programs under both drivers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from appliance.core.settings import Settings
from appliance.probes.model import ProbeState
from appliance.supervisor import decide
from appliance.supervisor.backoff import Backoff
from appliance.supervisor.loop import Policy, Supervisor
from appliance.supervisor.model import Phase
from appliance.units.errors import UnitUnknownError
from appliance.units.model import Kind
from tests.integration.supervisor.parts import (
    SLEEPER,
    WITH_GRANDCHILD,
    Answers,
    Written,
    gone,
    kill,
    phase,
    pid_of,
    script,
    supervised,
    supervised_by_systemd,
    until,
)

Supervising = Callable[..., AbstractAsyncContextManager[Supervisor]]


@pytest.fixture(params=[supervised, supervised_by_systemd], ids=["children", "systemd"])
def supervising(request: pytest.FixtureRequest) -> Supervising:
    made: Supervising = request.param
    return made


async def test_units_start_in_the_order_of_their_needs(
    settings: Settings, supervising: Supervising
) -> None:
    file = settings.run / "order"

    def writes(word: str) -> str:
        return f"print({word!r}, file=open({str(file)!r}, 'a'))\n"

    schema = script("schema", writes("schema"), settings.home, needs=("base",), probe=None)
    units = (
        script("site", writes("site") + SLEEPER, settings.home, needs=("schema",)),
        replace(schema, kind=Kind.ONESHOT),
        script("base", writes("base") + SLEEPER, settings.home, probe=Written(file, "base")),
    )
    async with supervising(settings, *units) as supervisor:
        await until(supervisor.ready.is_set)
        assert phase(supervisor, "schema") is Phase.DONE
        await until(lambda: "site" in file.read_text())
    assert file.read_text().split() == ["base", "schema", "site"]


async def test_a_unit_whose_need_is_not_ready_waits_and_says_for_what(
    settings: Settings, supervising: Supervising
) -> None:
    answers = Answers(ProbeState.NOT_READY, "is starting up")
    units = (
        script("base", SLEEPER, settings.home, probe=answers),
        script("site", SLEEPER, settings.home, needs=("base",)),
    )
    async with supervising(settings, *units) as supervisor:
        await until(lambda: "is starting up" in supervisor.view("base").reason)
        assert phase(supervisor, "site") is Phase.WAITING
        assert supervisor.view("site").reason == "waits for base"
        assert not supervisor.all_ready
        answers.state = ProbeState.OK
        await until(supervisor.ready.is_set)


async def test_after_kill_9_a_unit_serves_again(
    settings: Settings, supervising: Supervising
) -> None:
    async with supervising(settings, script("one", WITH_GRANDCHILD, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        killed = pid_of(supervisor, "one")
        kill(killed)
        await until(lambda: supervisor.view("one").pid not in {None, killed})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert supervisor.view("one").restarts == 1


async def test_a_unit_is_not_restarted_because_its_need_goes_down(
    settings: Settings, supervising: Supervising
) -> None:
    units = (
        script("base", SLEEPER, settings.home),
        script("site", SLEEPER, settings.home, needs=("base",)),
    )
    async with supervising(settings, *units) as supervisor:
        await until(supervisor.ready.is_set)
        site, base = pid_of(supervisor, "site"), pid_of(supervisor, "base")
        kill(base)
        await until(lambda: supervisor.view("base").pid not in {None, base})
        await until(lambda: supervisor.all_ready)
        assert pid_of(supervisor, "site") == site
        assert supervisor.view("site").restarts == 0


async def test_it_gives_up_when_the_budget_is_spent_and_shows_the_last_lines(
    settings: Settings, supervising: Supervising, caplog: pytest.LogCaptureFixture
) -> None:
    unit = script("one", "print('no such table')\nraise SystemExit(7)", settings.home)
    policy = Policy(backoff=Backoff(first=0.01, budget=3), tick=0.05)
    async with supervising(settings, unit, policy=policy) as supervisor:
        await until(lambda: "once more" in supervisor.view("one").reason)
        view = supervisor.view("one")
        assert view.reason == (
            "gave up after 3 restarts in 30 min; the last time: ended with code 7; "
            "it is tried once more in 10 min"
        )
        assert view.restarts == 3
        await until(lambda: "no such table" in supervisor.view("one").lines)
        assert "no such table" in caplog.text
        await supervisor.start("one", "Anna")
        await until(lambda: supervisor.view("one").restarts > 3)


async def test_what_was_given_up_comes_back_by_itself_when_what_it_lacked_is_there(
    settings: Settings, supervising: Supervising
) -> None:
    room = settings.run / "room"
    code = f"import os\nassert os.path.exists({str(room)!r}), 'no room'\n{SLEEPER}"
    unit = script("one", code, settings.home)
    policy = Policy(backoff=Backoff(first=0.01, budget=2, rest=0.3), tick=0.05)
    async with supervising(settings, unit, policy=policy) as supervisor:
        await until(lambda: phase(supervisor, "one") is Phase.GAVE_UP)
        room.touch()
        await until(lambda: phase(supervisor, "one") is Phase.READY)


async def test_a_unit_that_hangs_is_restarted_after_failed_probes(
    settings: Settings, supervising: Supervising, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "FAILING_SECONDS", 0.3)
    answers = Answers()
    unit = script("one", SLEEPER, settings.home, probe=answers)
    policy = Policy(tick=0.05, failing=0.1)
    async with supervising(settings, unit, policy=policy) as supervisor:
        await until(supervisor.ready.is_set)
        hung = pid_of(supervisor, "one")
        answers.state, answers.sentence = ProbeState.FAILED, "no answer within 3 s"
        await until(lambda: phase(supervisor, "one") is Phase.FAILING)
        await until(lambda: supervisor.view("one").pid not in {None, hung})
        answers.state = ProbeState.OK
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert gone(hung)


async def test_the_operator_stops_starts_and_restarts_a_unit(
    settings: Settings, supervising: Supervising
) -> None:
    async with supervising(settings, script("one", SLEEPER, settings.home)) as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "one")
        await supervisor.stop("one", "Anna")
        await until(lambda: phase(supervisor, "one") is Phase.STOPPED)
        assert gone(first)
        assert supervisor.view("one").reason == "stopped by Anna"
        await supervisor.start("one", "Anna")
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        second = pid_of(supervisor, "one")
        await supervisor.restart("one", "Anna")
        await until(lambda: supervisor.view("one").pid not in {None, second})
        await until(lambda: phase(supervisor, "one") is Phase.READY)
        assert supervisor.view("one").restarts == 0
        with pytest.raises(UnitUnknownError):
            await supervisor.stop("two", "Anna")


async def test_a_oneshot_runs_again_when_the_operator_restarts_it(
    settings: Settings, supervising: Supervising
) -> None:
    file = settings.run / "ran"
    code = f"print('x', file=open({str(file)!r}, 'a'))"
    unit = script("schema", code, settings.home, kind=Kind.ONESHOT, probe=None)
    async with supervising(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        await supervisor.restart("schema", "Anna")
        await until(lambda: file.read_text().count("x") == 2)
        await until(lambda: phase(supervisor, "schema") is Phase.DONE)
