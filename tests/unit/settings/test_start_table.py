"""Settings that the start needs: what they are in the environment, and what they restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings, from_environment
from appliance.core.start_settings import VARIABLES
from appliance.settings.entry import Part, Value
from appliance.settings.errors import SettingInvalidError, UnknownSettingError
from appliance.settings.model import (
    BANNER_TEXT,
    ENTRIES,
    START_ENTRIES,
    Stored,
    entries_of,
    find_entry,
    setting_of,
    shown,
)
from appliance.settings.starting import texts_for
from appliance.settings.word_entry import AnyEntry, as_variable
from appliance.units.catalog import catalog
from appliance.units.programs import PostgresProgram, Programs

VALUES: dict[str, Value] = {
    "time_zone": "Europe/Vienna",
    "host": "chat.example.org",
    "host_names": ("chat", "192.0.2.7"),
    "web_port": 9000,
    "generation_slots": 8,
    "chat_processes": 3,
    "hsts_days": 30,
}
UNITS = {
    "postgres": Part.DATABASE,
    "ollama": Part.MODEL_RUNNER,
    "webchat": Part.CHAT,
    "nginx": Part.WEB,
}
each_entry = pytest.mark.parametrize("entry", START_ENTRIES, ids=lambda entry: entry.name)


def test_the_file_of_the_start_has_exactly_these() -> None:
    assert sorted(entry.variable or "" for entry in START_ENTRIES) == sorted(VARIABLES)
    assert {entry.name for entry in START_ENTRIES} == set(VALUES)
    assert all(entry.at_start for entry in ENTRIES if entry.on_trial or entry.restarts)


@each_entry
def test_a_value_is_what_a_process_reads_of_its_variable(entry: AnyEntry) -> None:
    value = entry.check(VALUES[entry.name])
    found = from_environment({"CLOISTER_HOST": "x", entry.variable or "": as_variable(value)})
    assert entry.default_in(found) == value
    assert entry.parse(entry.written(value)) == value


@each_entry
def test_what_an_operator_has_set_gets_into_the_file(entry: AnyEntry) -> None:
    settings = Settings(Path("/srv/cloister"))
    value = VALUES[entry.name]
    stored = Stored(list(value) if isinstance(value, tuple) else value)
    found = texts_for([setting_of(entry, stored, settings)])
    assert found == {entry.variable: as_variable(value)}
    assert texts_for([setting_of(entry, None, settings)]) == {}


@each_entry
def test_a_change_restarts_exactly_the_units_that_read_the_variable(entry: AnyEntry) -> None:
    settings = Settings(Path("/home"), packaged=True)
    postgres = PostgresProgram(Path("/usr/lib/postgresql/17/bin"), 17)
    programs = Programs(Path("/python"), postgres, Path("/nginx"), Path("/ollama"), 11434)
    units = catalog(settings, programs, SystemClock()).units
    readers = {UNITS[unit.name.partition("@")[0]] for unit in units if unit.variables}
    assert readers == set(Part)
    found = {
        UNITS[unit.name.partition("@")[0]] for unit in units if entry.variable in unit.variables
    }
    # The package has no such port.
    assert found == (set() if entry.clone_only else set(entry.restarts))


def test_the_package_has_no_port_of_its_own() -> None:
    packaged = entries_of(Settings(Path("/home"), packaged=True))
    assert {entry.name for entry in ENTRIES} - {entry.name for entry in packaged} == {"web_port"}
    with pytest.raises(UnknownSettingError):
        find_entry("web_port", packaged)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("time_zone", "Mars/Base"),
        ("time_zone", ""),
        ("host", "a b"),
        ("host", "-a"),
        ("host", "https://a"),
        ("host_names", "a, b c_d"),
        ("host_names", "*"),
        ("web_port", "0"),
        ("web_port", "70000"),
        ("web_port", "http"),
        ("generation_slots", "0"),
        ("chat_processes", "17"),
        ("banner_text", "a" * 301),
        ("banner_text", "  "),
        ("banner_text", "a\x1b[31mb"),
        ("session_days", "0"),
        ("session_days", "400"),
    ],
)
def test_bad_values_are_refused_with_what_is_possible(name: str, text: str) -> None:
    entry = find_entry(name)
    with pytest.raises(SettingInvalidError) as refusal:
        entry.parse(text)
    assert entry.bounds in refusal.value.message
    assert setting_of(entry, Stored(text), Settings(Path("/srv"))).value == entry.default_in(
        Settings(Path("/srv"))
    )


def test_a_banner_is_one_line() -> None:
    assert BANNER_TEXT.parse(" Closed \n tonight ") == "Closed tonight"
    assert shown(BANNER_TEXT, "") == "none"


def test_a_default_says_where_it_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    settings = Settings(Path("/srv"), host="box")
    assert setting_of(find_entry("host"), None, settings).fallback_from == "default"
    renamed = replace(settings, host="chat")
    assert setting_of(find_entry("host"), None, renamed).fallback_from == "environment"
    assert setting_of(find_entry("time_zone"), None, settings).fallback_text == (
        "that of this machine"
    )
