"""When copies may be made, how fast, and when they are tried again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta

import pytest

from appliance.offsite.errors import TargetSilentError
from appliance.offsite.timing import Line, Window, WindowClosedError, pause_after
from tests.fakes.clock import FakeClock

NIGHT = Window(time(22, 30), time(6))


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "hour", "minute", "is_open"),
    [
        (NIGHT, 22, 29, False),
        (NIGHT, 22, 30, True),
        (NIGHT, 0, 0, True),
        (NIGHT, 5, 59, True),
        (NIGHT, 6, 0, False),
        (Window(time(1), time(4)), 0, 59, False),
        (Window(time(1), time(4)), 1, 0, True),
        (Window(time(1), time(4)), 4, 0, False),
    ],
)
def test_a_window_may_span_midnight(
    window: Window, hour: int, minute: int, *, is_open: bool
) -> None:
    assert window.is_open(at(hour, minute)) is is_open


def test_it_opens_later_today_or_tomorrow() -> None:
    assert NIGHT.next_opening(at(12)) == at(22, 30)
    assert NIGHT.next_opening(at(23)) == at(22, 30) + timedelta(days=1)


def test_without_both_times_it_is_always_open() -> None:
    assert Window.of("", "") is None
    assert Window.of("22:30", "06:00") == NIGHT


def test_pauses_double_up_to_six_hours_and_are_spread() -> None:
    minutes = [pause_after(failures, 1.0) / timedelta(minutes=1) for failures in range(1, 12)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert pause_after(10_000, 1.0) == timedelta(hours=6)
    assert pause_after(3, 0.0) == pause_after(3, 1.0) / 2


async def test_no_more_than_the_limit_goes_out_in_a_second() -> None:
    clock = FakeClock()
    line, began = Line(clock, "cellar", limit=1000), clock.monotonic()
    for _ in range(20):
        await line.pace(500)
    assert clock.monotonic() - began == pytest.approx(10.0)
    # A pause gives no right to a burst.
    clock.advance(3600)
    began = clock.monotonic()
    for _ in range(4):
        await line.pace(500)
    assert clock.monotonic() - began == pytest.approx(2.0)


async def test_a_target_that_takes_nothing_is_given_up() -> None:
    line = Line(FakeClock(), "cellar", silence=0.05)

    async def wait() -> None:
        async with line.watched():
            await line.pace(1)
            await asyncio.Event().wait()

    with pytest.raises(TargetSilentError):
        await wait()


async def test_a_slow_target_that_takes_something_is_not() -> None:
    line = Line(FakeClock(), "cellar", silence=0.2)
    async with line.watched():
        for _ in range(10):
            await asyncio.sleep(0.05)
            await line.pace(1)
    assert line.sent == 10


async def test_a_copy_ends_with_its_window() -> None:
    clock = FakeClock()
    now = clock.now().astimezone()
    closes = (now + timedelta(hours=1)).time().replace(tzinfo=None)
    line = Line(clock, "cellar", window=Window((now - timedelta(hours=1)).time(), closes))
    await line.pace(1)
    clock.advance(3600)
    with pytest.raises(WindowClosedError):
        await line.pace(1)
