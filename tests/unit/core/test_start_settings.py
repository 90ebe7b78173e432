"""The file of what the start needs: it counts instead of the environment, and stops nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.core import start_settings
from appliance.core.settings import from_environment
from appliance.core.start_settings import (
    StartValue,
    last_change,
    read_settings,
    read_values,
    texts_of,
    use_time_zone,
    with_texts,
    write_values,
)
from appliance.core.variables import is_time_zone

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def environment(home: Path, **variables: str) -> dict[str, str]:
    return {"CLOISTER_HOME": str(home), **variables}


def test_the_file_counts_instead_of_the_environment(tmp_path: Path) -> None:
    variables = environment(tmp_path, CLOISTER_GENERATION_SLOTS="3", CLOISTER_PORT="9000")
    assert read_settings(variables) == from_environment(variables)
    path = from_environment(variables).start_file
    write_values(path, {"CLOISTER_GENERATION_SLOTS": "8", "CLOISTER_HOST_NAMES": "a b"}, NOON)
    found = read_settings(variables)
    assert (found.generation_slots, found.port, found.host_names) == (8, 9000, ("a", "b"))
    assert found.defaults == from_environment(variables)
    assert path.stat().st_mode & 0o777 == 0o644
    # What other processes are given has the same values.
    assert from_environment(found.as_environment()) == found


def test_no_names_are_another_thing_than_those_of_the_environment(tmp_path: Path) -> None:
    base = from_environment(environment(tmp_path, CLOISTER_HOST_NAMES="a"))
    assert with_texts(base, {"CLOISTER_HOST_NAMES": ","}).host_names == ()
    assert with_texts(base, {}).host_names == ("a",)


def test_a_reset_leaves_the_decision_to_the_environment_and_has_its_time(tmp_path: Path) -> None:
    path = tmp_path / "settings/start.json"
    write_values(path, {"CLOISTER_GENERATION_SLOTS": "8", "CLOISTER_PORT": "9000"}, NOON)
    values = write_values(path, {"CLOISTER_PORT": "9000"}, LATER)
    assert values == read_values(path)
    assert texts_of(values) == {"CLOISTER_PORT": "9000"}
    assert values["CLOISTER_GENERATION_SLOTS"] == StartValue("", LATER)
    # What stays the same keeps its time: what reads it need not restart.
    assert last_change(values, ["CLOISTER_PORT"]) == NOON.timestamp()
    assert last_change(values, ["CLOISTER_PORT", "CLOISTER_GENERATION_SLOTS"]) == LATER.timestamp()
    assert last_change(values, ["CLOISTER_HOST"]) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        "5",
        '{"PATH": {"value": "/tmp", "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_HOME": {"value": "/tmp", "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_CHAT_PROCESSES": {"value": "many", "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_CHAT_PROCESSES": {"value": 4, "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_CHAT_PROCESSES": {"value": "4", "since": "noon"}}',
        '{"CLOISTER_CHAT_PROCESSES": "4"}',
        '{"CLOISTER_HOST": {"value": "a; b", "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_HOST_NAMES": {"value": "a\\nb", "since": "2026-03-01T12:00:00+00:00"}}',
        '{"CLOISTER_TIME_ZONE": {"value": "../etc", "since": "2026-03-01T12:00:00+00:00"}}',
    ],
)
def test_what_no_process_could_start_with_counts_for_nothing(tmp_path: Path, content: str) -> None:
    variables = environment(tmp_path)
    path = from_environment(variables).start_file
    path.parent.mkdir()
    path.write_text(content)
    assert read_values(path) == {}
    assert read_settings(variables) == from_environment(variables)


def test_a_wrong_value_does_not_take_the_others_along(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    since = NOON.isoformat()
    path.write_text(
        json.dumps(
            {
                "CLOISTER_CHAT_PROCESSES": {"value": "99", "since": since},
                "CLOISTER_GENERATION_SLOTS": {"value": "8", "since": since},
            }
        )
    )
    assert texts_of(read_values(path)) == {"CLOISTER_GENERATION_SLOTS": "8"}


def test_a_value_that_no_process_could_use_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    assert write_values(path, {"CLOISTER_CHAT_PROCESSES": "99", "PATH": "/tmp"}, NOON) == {}
    assert not path.exists()


def test_the_ports_of_the_package_are_those_of_its_sockets(tmp_path: Path) -> None:
    base = from_environment(environment(tmp_path, CLOISTER_PACKAGED="1"))
    assert with_texts(base, {"CLOISTER_PORT": "9000"}).port == base.port


@pytest.fixture
def own_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(start_settings, "_OWN_ZONE", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("own_zone")
def test_local_times_follow_the_zone() -> None:
    use_time_zone("Europe/Vienna")
    assert f"{NOON.astimezone():%H:%M %Z}" == "13:00 CET"
    use_time_zone("")
    assert os.environ["TZ"] == "UTC"
    assert f"{NOON.astimezone():%H:%M}" == "12:00"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Europe/Vienna", True),
        ("UTC", True),
        ("America/Argentina/Ushuaia", True),
        ("Mars/Base", False),
        ("", False),
        ("Europe", False),
        ("zone.tab", False),
        ("../../etc/passwd", False),
        ("/etc/localtime", False),
    ],
)
def test_a_zone_is_known_if_the_machine_has_it(name: str, known: bool) -> None:
    assert is_time_zone(name) is known
