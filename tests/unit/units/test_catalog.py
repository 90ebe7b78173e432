"""What Cloister consists of, by what the machine has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.core.settings import from_environment
from appliance.health.service_words import title_of
from appliance.units.catalog import Catalog, catalog
from appliance.units.errors import DatabaseMissingError
from appliance.units.model import Kind, Unit
from tests.fakes.clock import FakeClock
from tests.unit.units.parts import PROGRAMS, SETTINGS, programs


def named(found: Catalog) -> dict[str, Unit]:
    return {unit.name: unit for unit in found.units}


def test_with_everything_installed_there_is_everything() -> None:
    found = catalog(SETTINGS, PROGRAMS, FakeClock())
    names = ["postgres", "migrate", "ollama", "ingest", "webchat@1", "webchat@2", "nginx"]
    assert [unit.name for unit in found.units] == names
    assert found.absent == ()


def test_each_service_says_more_than_its_title() -> None:
    for unit in catalog(SETTINGS, PROGRAMS, FakeClock()).units:
        assert unit.description not in {"", title_of(unit.name)}, unit.name


def test_every_need_and_every_front_is_a_unit() -> None:
    units = named(catalog(SETTINGS, PROGRAMS, FakeClock()))
    assert {name for unit in units.values() for name in (*unit.needs, *unit.fronts)} <= set(units)


def test_nothing_uses_the_database_before_its_schema_is_right() -> None:
    units = named(catalog(SETTINGS, PROGRAMS, FakeClock()))
    assert units["migrate"].needs == ("postgres",)
    assert units["migrate"].kind is Kind.ONESHOT
    assert units["migrate"].command == ("/usr/bin/python3", "-P", "-m", "appliance", "migrate")
    assert units["webchat@2"].needs == units["ingest"].needs == ("migrate",)
    assert units["webchat@2"].command[2:] == ("-m", "webchat", "2")
    assert units["nginx"].needs == ()
    assert units["nginx"].fronts == ("webchat@1", "webchat@2")


def test_our_own_processes_get_the_settings_as_they_apply() -> None:
    unit = named(catalog(SETTINGS, PROGRAMS, FakeClock()))["webchat@1"]
    settings = from_environment(unit.environment)
    assert settings.ollama_url == "http://127.0.0.1:40404"
    assert settings.nginx == "/usr/sbin/nginx"
    assert settings.home == SETTINGS.home


def test_without_nginx_one_chat_server_listens_by_itself() -> None:
    found = catalog(SETTINGS, programs(nginx=None), FakeClock())
    assert "nginx" not in named(found)
    assert "webchat@2" not in named(found)
    assert [absent.name for absent in found.absent] == ["nginx"]
    assert "package nginx" in found.absent[0].reason
    assert from_environment(named(found)["webchat@1"].environment).nginx is None


def test_without_a_model_runner_the_reason_is_given() -> None:
    found = catalog(SETTINGS, programs(ollama=None), FakeClock())
    assert "ollama" not in named(found)
    assert "install Ollama" in found.absent[0].reason


def test_a_model_runner_elsewhere_is_not_a_unit() -> None:
    settings = replace(SETTINGS, ollama_url="http://10.0.0.1:11434")
    found = catalog(settings, programs(ollama=None), FakeClock())
    assert found.absent[0].reason == "runs on the server at http://10.0.0.1:11434"
    assert found.absent[0].state == "elsewhere"


def test_without_postgresql_there_is_nothing() -> None:
    with pytest.raises(DatabaseMissingError, match="no PostgreSQL 15"):
        catalog(SETTINGS, programs(postgres=None), FakeClock())
