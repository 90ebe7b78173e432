"""When backups are due: nights, changes of the clocks, windows over midnight."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.backup_plan.times import is_within, latest_slot, next_slot

BERLIN = ZoneInfo("Europe/Berlin")
TWO = time(2, 0)
HALF_PAST_TWO = time(2, 30)


@pytest.mark.parametrize(
    ("now", "latest", "following"),
    [
        ("2026-01-10 01:59", "2026-01-09 02:00", "2026-01-10 02:00"),
        ("2026-01-10 02:00", "2026-01-10 02:00", "2026-01-11 02:00"),
        ("2026-01-10 23:59", "2026-01-10 02:00", "2026-01-11 02:00"),
    ],
)
def test_the_slot_before_and_the_one_after(now: str, latest: str, following: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    assert f"{latest_slot(moment, TWO, BERLIN):%Y-%m-%d %H:%M}" == latest
    assert f"{next_slot(moment, TWO, BERLIN):%Y-%m-%d %H:%M}" == following


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
def test_a_night_in_which_clocks_change_has_one_slot(day: datetime) -> None:
    minutes = [day - timedelta(hours=10) + timedelta(minutes=number) for number in range(24 * 60)]
    slots = {latest_slot(minute, HALF_PAST_TWO, BERLIN).astimezone(UTC) for minute in minutes}
    assert len([slot for slot in slots if slot > minutes[0]]) == 1


def test_a_slot_is_never_later_than_now_and_the_next_one_is() -> None:
    start = datetime(2026, 3, 27, tzinfo=UTC)
    for number in range(0, 5 * 24 * 60, 7):
        now = start + timedelta(minutes=number)
        assert (
            latest_slot(now, HALF_PAST_TWO, BERLIN) <= now < next_slot(now, HALF_PAST_TWO, BERLIN)
        )


@pytest.mark.parametrize(
    ("at", "opens", "closes", "open_"),
    [
        ("12:00", "", "", True),
        ("23:00", "22:00", "06:00", True),
        ("05:59", "22:00", "06:00", True),
        ("06:00", "22:00", "06:00", False),
        ("09:00", "08:00", "10:00", True),
        ("10:00", "08:00", "10:00", False),
    ],
)
def test_windows(at: str, opens: str, closes: str, open_: bool) -> None:
    now = datetime.combine(datetime(2026, 1, 10, tzinfo=UTC), time.fromisoformat(at), UTC)
    assert is_within(now, opens, closes, UTC) is open_
