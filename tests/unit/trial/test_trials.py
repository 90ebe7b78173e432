"""A change on trial: confirmed in time it stays, and otherwise it is undone, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.trial.errors import TrialOverError, TrialRunningError
from appliance.trial.model import LASTS, Facts, Trial, TrialKind
from appliance.trial.record import NAME, read_trial
from appliance.trial.service import Trials
from tests.fakes.clock import FakeClock

FACTS = {"host_names": "one.example", "https_port": ""}


class StandingClock(FakeClock):
    """Time moves only where the test moves it; a sleep takes none of it."""

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Undone:
    """Collects what was undone and kept; `failures` says how often either fails first."""

    def __init__(self, failures: int = 0) -> None:
        self.facts: list[Facts] = []
        self.kept: list[Facts] = []
        self.failures = failures
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def undo(self, facts: Facts) -> None:
        self.begun.set()
        await self.go_on.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.facts.append(facts)

    async def keep(self, facts: Facts) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        self.kept.append(facts)

    def trials(self, folder: Path, clock: FakeClock) -> Trials:
        kind = TrialKind.SETTINGS
        return Trials(folder, clock, {kind: self.undo}, {kind: self.keep})


@asynccontextmanager
async def running(trials: Trials) -> AsyncIterator[None]:
    """Let the trials end while the block runs, and be killed at its end."""
    task = asyncio.create_task(trials.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def no_trial(trials: Trials) -> None:
    async with asyncio.timeout(10):
        while trials.current() is not None:
            await asyncio.sleep(0.001)


async def test_a_change_that_is_not_confirmed_is_undone(tmp_path: Path) -> None:
    clock, undone = StandingClock(), Undone()
    trials = undone.trials(tmp_path, clock)
    async with running(trials):
        trial = await trials.begin(TrialKind.SETTINGS, FACTS)
        assert trials.current() == trial
        assert trials.seconds_left() == LASTS.total_seconds()
        clock.advance(LASTS.total_seconds() - 1)
        await asyncio.sleep(0.01)
        assert undone.facts == []
        clock.advance(1)
        await no_trial(trials)
    assert (undone.facts, undone.kept) == ([FACTS], [])
    assert not (tmp_path / NAME).exists()


async def test_a_confirmed_change_stays(tmp_path: Path) -> None:
    clock, undone = StandingClock(), Undone()
    trials = undone.trials(tmp_path, clock)
    async with running(trials):
        trial = await trials.begin(TrialKind.SETTINGS, FACTS)
        assert await trials.confirm(trial.token) == trial
        assert trials.current() is None
        clock.advance(2 * LASTS.total_seconds())
        await asyncio.sleep(0.01)
        with pytest.raises(TrialOverError):
            await trials.confirm(trial.token)
    assert (undone.facts, undone.kept) == ([], [FACTS])
    assert read_trial(tmp_path) is None


@pytest.mark.parametrize("token", ["", "wrong", "\udcff"])
async def test_only_the_token_confirms(tmp_path: Path, token: str) -> None:
    trials = Undone().trials(tmp_path, StandingClock())
    trial = await trials.begin(TrialKind.SETTINGS, FACTS)
    with pytest.raises(TrialOverError):
        await trials.confirm(token)
    assert trials.current() == trial
    assert trial.token not in repr(trial)


async def test_a_second_change_waits_for_the_first(tmp_path: Path) -> None:
    trials = Undone().trials(tmp_path, StandingClock())
    first = await trials.begin(TrialKind.SETTINGS, FACTS)
    with pytest.raises(TrialRunningError) as refusal:
        await trials.begin(TrialKind.CERTIFICATE, {})
    assert refusal.value.facts == {"seconds": 60}
    assert read_trial(tmp_path) == first


async def test_the_record_is_written_before_the_change(tmp_path: Path) -> None:
    trials = Undone().trials(tmp_path / "state", StandingClock())
    trial = await trials.begin(TrialKind.SETTINGS, FACTS)
    assert read_trial(tmp_path / "state") == trial
    assert (tmp_path / "state" / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("away", "left"),
    [
        (10, 50),
        (60, 0),
        (3600, 0),
        # The clock of the machine was set back while the supervisor was away.
        (-3600, 60),
    ],
)
async def test_a_trial_goes_on_after_the_supervisor_was_killed(
    tmp_path: Path, away: float, left: int
) -> None:
    clock, undone = StandingClock(), Undone()
    killed = undone.trials(tmp_path, clock)
    async with running(killed):
        trial = await killed.begin(TrialKind.SETTINGS, FACTS)
    clock.advance(away)
    again = undone.trials(tmp_path, clock)
    async with running(again):
        if left:
            async with asyncio.timeout(10):
                while again.current() != trial:
                    await asyncio.sleep(0.001)
            assert again.seconds_left() == left
            assert undone.facts == []
            clock.advance(left)
        async with asyncio.timeout(10):
            while not undone.facts:
                await asyncio.sleep(0.001)
        await no_trial(again)
    assert undone.facts == [FACTS]


async def test_a_trial_is_confirmed_after_the_supervisor_was_killed(tmp_path: Path) -> None:
    clock, undone = StandingClock(), Undone()
    trial = await undone.trials(tmp_path, clock).begin(TrialKind.SETTINGS, FACTS)
    again = undone.trials(tmp_path, clock)
    async with running(again):
        async with asyncio.timeout(10):
            while again.current() is None:
                await asyncio.sleep(0.001)
        await again.confirm(trial.token)
    assert undone.facts == []


async def test_a_change_that_cannot_be_kept_stays_on_trial(tmp_path: Path) -> None:
    undone = Undone(failures=1)
    trials = undone.trials(tmp_path, StandingClock())
    trial = await trials.begin(TrialKind.SETTINGS, FACTS)
    with pytest.raises(ConnectionError):
        await trials.confirm(trial.token)
    assert (trials.current(), read_trial(tmp_path)) == (trial, trial)
    await trials.confirm(trial.token)
    assert (undone.kept, read_trial(tmp_path)) == ([FACTS], None)


async def test_an_undoing_that_fails_is_tried_again(tmp_path: Path) -> None:
    undone = Undone(failures=2)
    # Its sleeps take no time: the trial is over at once.
    trials = undone.trials(tmp_path, FakeClock())
    async with running(trials):
        trial = await trials.begin(TrialKind.SETTINGS, FACTS)
        await no_trial(trials)
        with pytest.raises(TrialOverError):
            await trials.confirm(trial.token)
    assert undone.facts == [FACTS]


async def test_a_supervisor_that_ends_while_it_undoes_undoes_again(tmp_path: Path) -> None:
    clock, undone = FakeClock(), Undone()
    undone.go_on.clear()
    killed = undone.trials(tmp_path, clock)
    async with running(killed):
        await killed.begin(TrialKind.SETTINGS, FACTS)
        async with asyncio.timeout(10):
            await undone.begun.wait()
    assert undone.facts == []
    undone.go_on.set()
    again = undone.trials(tmp_path, clock)
    async with running(again):
        async with asyncio.timeout(10):
            while not undone.facts:
                await asyncio.sleep(0.001)
    assert undone.facts == [FACTS]


async def test_a_change_is_not_confirmed_while_it_is_undone(tmp_path: Path) -> None:
    undone = Undone()
    undone.go_on.clear()
    trials = undone.trials(tmp_path, StandingClock())
    trial = await trials.begin(TrialKind.SETTINGS, FACTS)
    undoing = asyncio.create_task(trials.undo_now())
    await undone.begun.wait()
    with pytest.raises(TrialOverError):
        await trials.confirm(trial.token)
    undone.go_on.set()
    await undoing
    assert (undone.facts, trials.current()) == ([FACTS], None)


async def test_an_operator_undoes_a_change_at_once(tmp_path: Path) -> None:
    undone = Undone()
    trials = undone.trials(tmp_path, StandingClock())
    await trials.undo_now()
    assert undone.facts == []
    await trials.begin(TrialKind.SETTINGS, FACTS)
    await trials.undo_now()
    assert (undone.facts, undone.kept) == ([FACTS], [])
    assert trials.current() is None


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        "null",
        '{"kind": "settings"}',
        json.dumps(
            {
                "id": "1",
                "kind": "weather",
                "facts": {},
                "started": "2026-03-01T12:00:00+00:00",
                "ends": "2026-03-01T12:01:00+00:00",
                "token": "x",
            }
        ),
        json.dumps(
            {
                "id": "1",
                "kind": "settings",
                "facts": {},
                "started": "2026-03-01T12:00:00",
                "ends": "2026-03-01T12:01:00",
                "token": "x",
            }
        ),
    ],
)
def test_a_record_that_is_no_trial_is_removed(tmp_path: Path, record: str) -> None:
    (tmp_path / NAME).write_text(record)
    assert read_trial(tmp_path) is None
    assert not (tmp_path / NAME).exists()


def test_no_more_is_left_than_a_trial_lasts() -> None:
    clock = StandingClock()
    trial = Trial("1", TrialKind.SETTINGS, {}, clock.now(), clock.now() + LASTS, "x")
    assert trial.left(clock.now() - timedelta(days=1)) == LASTS
    assert trial.left(clock.now() + timedelta(days=1)) == timedelta()
