"""What the overview says about the machine, and which button it offers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from admin.overview_health import Action, Tone, action_for, overview_health, service_card
from appliance.health.checks.disk_space import evaluate_disk
from appliance.health.checks.memory import evaluate_memory
from appliance.health.checks.services import evaluate_services
from appliance.health.model import CheckId, Health, failed, warning
from appliance.health.remedies import (
    ChooseModels,
    InstallRunner,
    ReadLog,
    Remedy,
    RestartService,
    RunCommand,
    StartService,
)
from appliance.supervisor.model import Phase
from tests.builders.health import FINE, seen, service, share_free
from tests.fakes.units import READY

DATA = Path("/data")


def test_everything_runs() -> None:
    shown = overview_health(FINE)
    assert (shown.tone, shown.headline) == (Tone.GOOD, "Everything runs")
    assert shown.problems == ()


@pytest.mark.parametrize(
    ("phase", "tone"),
    [
        (Phase.WAITING, Tone.BUSY),
        (Phase.STARTING, Tone.BUSY),
        (Phase.STOPPING, Tone.BUSY),
        (Phase.STOPPED, Tone.WARN),
        (Phase.FAILING, Tone.BAD),
        (Phase.FAILED, Tone.BAD),
        (Phase.GAVE_UP, Tone.BAD),
    ],
)
def test_each_phase_has_its_tone(phase: Phase, tone: Tone) -> None:
    results = evaluate_services(seen(service("ingest", phase, "because")))
    shown = overview_health(Health(tuple(results)))
    assert shown.tone is tone
    assert "because" in shown.problems[0].sentence


def test_the_worst_comes_first_and_is_counted() -> None:
    services = evaluate_services(
        seen(service("ingest", Phase.STARTING), service("nginx", Phase.FAILED))
    )
    shown = overview_health(Health((*services, evaluate_disk(share_free(0.01), DATA))))
    assert shown.headline == "2 things are wrong"
    assert [problem.tone for problem in shown.problems] == [Tone.BAD, Tone.BAD, Tone.BUSY]


def test_short_memory_is_a_warning() -> None:
    shown = overview_health(Health((evaluate_memory(share_free(0.07)),)))
    assert (shown.tone, shown.headline) == (Tone.WARN, "Runs, but look at this")


@pytest.mark.parametrize(
    ("remedy", "action"),
    [
        (StartService("postgres"), Action("Start", "/admin/units/postgres/start", is_post=True)),
        (
            RestartService("webchat@1"),
            Action("Restart", "/admin/units/webchat%401/restart", is_post=True),
        ),
        (ReadLog("ingest"), Action("Open the log", "/admin/units/ingest")),
        (ChooseModels(), Action("Choose models", "/admin/models")),
        (InstallRunner(), Action("How to install one", "/admin/models")),
        (RunCommand("dmesg"), None),
        (None, None),
    ],
)
def test_each_remedy_has_its_button(remedy: Remedy | None, action: Action | None) -> None:
    assert action_for(remedy) == action


def test_what_the_console_cannot_do_is_said_as_a_command() -> None:
    results = (
        failed(CheckId.PORTS, "Port 80 is in use.", "Stop it.", RunCommand("systemctl stop it")),
        warning(CheckId.MODELS, "No model.", "Choose one.", ChooseModels()),
    )
    commands = [problem.command for problem in overview_health(Health(results)).problems]
    assert commands == ["systemctl stop it", ""]


def test_a_card_has_a_title_and_says_what_a_stop_means() -> None:
    card = service_card(replace(READY, name="webchat@1"), [READY])
    assert (card.title, card.tone, card.may_stop) == ("Chat server 1", Tone.GOOD, True)
    assert "chat" in card.stopping_means
    assert not service_card(replace(READY, name="nginx"), [READY]).may_stop
