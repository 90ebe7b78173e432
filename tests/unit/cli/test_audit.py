"""What the options of `cloister audit` take."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from appliance.cli.parser import build


def test_a_time_may_be_a_day_or_name_its_zone() -> None:
    options = build("audit").parse_args(["audit", "--since", "2026-03-31T12:00+02:00"])
    assert options.since == datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
    day = build("audit").parse_args(["audit", "--since", "2026-03-31"]).since
    assert (day.date().isoformat(), day.hour) == ("2026-03-31", 0)
    assert day.tzinfo is not None


@pytest.mark.parametrize(
    ("option", "value"),
    [("--since", "yesterday"), ("--limit", "0"), ("--limit", "many"), ("--limit", "9" * 30)],
)
def test_what_it_does_not_understand_is_refused_in_words(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        build("audit").parse_args(["audit", option, value])
    assert f"“{value}” is not a" in capsys.readouterr().err
