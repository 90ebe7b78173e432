"""What the supervisor sees of its services becomes results with remedies."""

from __future__ import annotations

import pytest

from appliance.health.checks.services import evaluate_services, evaluate_systemd, stopped
from appliance.health.model import CheckState
from appliance.health.remedies import ReadLog, StartService
from appliance.health.seen import seen_by_socket, seen_in_process
from appliance.health.service_words import (
    may_be_stopped_in_console,
    needs_database,
    stopping_means,
    title_of,
)
from appliance.supervisor.model import Phase
from appliance.units.catalog import catalog
from appliance.units.model import Absent
from tests.builders.health import seen, service
from tests.fakes.clock import FakeClock
from tests.fakes.units import UNITS
from tests.unit.units.parts import PROGRAMS, SETTINGS


def test_services_that_serve_or_are_done_are_one_result() -> None:
    (result,) = evaluate_services(seen(service("postgres"), service("migrate", Phase.DONE)))
    assert result.state is CheckState.OK
    assert "Database" in result.sentence


def test_a_service_that_does_not_serve_is_named_with_its_reason_and_its_log() -> None:
    bad = service("webchat@2", Phase.GAVE_UP, "10 restarts in 30 min")
    (result,) = evaluate_services(seen(service("webchat@1"), bad))
    assert result.state is CheckState.FAILED
    assert result.sentence.startswith("Chat server 2 is not restarted any more: 10 restarts")
    assert result.remedy == ReadLog("webchat@2")


def test_a_service_that_an_operator_stopped_says_who_and_when_and_offers_to_start_it() -> None:
    (result,) = evaluate_services(
        seen(service("ingest", Phase.STOPPED, "stopped", stopped_by="olga"))
    )
    assert result.state is CheckState.WARNING
    assert result.sentence.startswith("The document reader was stopped by olga at 20")
    assert result.sentence.endswith(" UTC.")
    assert result.remedy == StartService("ingest")
    assert "by itself" not in f"{result.sentence} {result.hint}"


def test_where_it_is_not_known_who_stopped_it_the_supervisors_reason_is_said() -> None:
    assert "somebody used systemctl" in stopped(
        service("ingest", Phase.STOPPED, "somebody used systemctl")
    )


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.STARTING, Phase.STOPPING])
def test_a_service_on_its_way_is_busy_and_needs_no_action(phase: Phase) -> None:
    (result,) = evaluate_services(seen(service("ingest", phase, "waits for postgres")))
    assert (result.state, result.remedy) == (CheckState.BUSY, None)


def test_the_web_server_and_the_last_chat_server_are_needed_by_all() -> None:
    down = service("webchat@1", Phase.STOPPED)
    (result,) = evaluate_services(seen(down, service("webchat@2")))
    assert result.state is CheckState.WARNING
    (result,) = evaluate_services(seen(down))
    assert result.state is CheckState.FAILED
    (result,) = evaluate_services(seen(service("nginx", Phase.STOPPED)))
    assert result.state is CheckState.FAILED


def test_without_the_supervisor_systemd_says_what_runs() -> None:
    result = evaluate_systemd("cloister-postgres.service loaded active running Database\n")
    assert result.state is CheckState.WARNING
    assert "cloister-postgres active" in result.sentence
    assert evaluate_systemd("").state is CheckState.UNKNOWN


def test_the_socket_says_the_same_as_the_process() -> None:
    absent = (Absent("nginx", "not installed"),)
    answer = {
        "units": [unit.as_json() for unit in UNITS],
        "absent": [{"name": each.name, "reason": each.reason} for each in absent],
    }
    assert seen_by_socket(answer) == seen_in_process(UNITS, absent)


def test_stopping_says_what_follows_for_whom() -> None:
    database = stopping_means("postgres", ["postgres", "webchat@1"])
    assert "sign in" in database
    assert "cloister rescue" in database
    only = stopping_means("webchat@1", ["postgres", "webchat@1"])
    one = stopping_means("webchat@1", ["webchat@1", "webchat@2"])
    assert "No member can open the chat" in only
    assert "other chat servers" in one
    assert stopping_means("ingest", ["ingest"]) not in {database, only, one}
    assert "No backup is made" in stopping_means("backup-server", ["backup-server"])


def test_people_read_titles_and_never_the_names_of_units() -> None:
    names = ["postgres", "migrate", "ollama", "ingest", "webchat@1", "webchat-12", "nginx"]
    names += ["backup-server"]
    titles = [title_of(name) for name in names]
    assert titles[4:6] == ["Chat server 1", "Chat server 12"]
    assert not set(titles) & set(names)


def test_only_what_carries_the_console_is_not_stopped_in_it() -> None:
    assert not may_be_stopped_in_console("nginx")
    assert may_be_stopped_in_console("postgres")


def test_what_needs_a_database_that_is_down_is_not_ready() -> None:
    found = seen(
        service("postgres", Phase.STOPPED),
        service("migrate", Phase.DONE),
        service("ollama"),
        service("webchat@1"),
        service("nginx"),
    )
    (result,) = evaluate_services(found)
    assert (result.state, result.is_ready) == (CheckState.BUSY, False)
    assert result.sentence.endswith("without the database: Chat server 1.")
    states = {each.name: found.state_of(each) for each in found.services}
    assert states["webchat@1"] == "waiting"
    assert (states["nginx"], states["ollama"]) == ("ready", "ready")


def test_the_services_that_need_the_database_are_those_of_the_catalogue() -> None:
    units = catalog(SETTINGS, PROGRAMS, FakeClock()).units
    # Whatever a unit needs needs the database itself.
    assert {each.name for each in units if needs_database(each.name)} == {
        each.name for each in units if each.needs
    }
