"""What programs print is judged without running them."""

from __future__ import annotations

import getpass
import grp
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.health.front import judged_certificate
from appliance.health.installed import installed_checks, judged_package, places
from appliance.health.machine import plausible_time
from appliance.health.model import State
from appliance.health.rivals import judged_services
from appliance.health.seal import judged_table
from appliance.health.services import judged_models, judged_units
from appliance.health.services import judged_services as judged_units_of_systemd
from appliance.llm.choice import Chosen
from tests.builders.models import CHAT, EMBED
from tests.fakes.clock import START


def unit(name: str, state: str = "ready", reason: str = "answers") -> dict[str, Any]:
    return {"name": name, "state": state, "reason": reason}


def rule(handle: int, *parts: dict[str, Any], comment: str | None = None) -> dict[str, Any]:
    facts = {"handle": handle, "chain": "output", "expr": list(parts)}
    return {"rule": facts | ({"comment": comment} if comment else {})}


REJECT: dict[str, Any] = {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}


def counter(packets: int) -> dict[str, Any]:
    return {"counter": {"packets": packets, "bytes": packets * 60}}


def test_units_that_serve_or_are_done_are_well() -> None:
    finding = judged_units({"units": [unit("postgres"), unit("migrate", "done")]})
    assert finding.state is State.OK


def test_a_unit_that_does_not_serve_is_named_with_its_reason_and_its_log() -> None:
    bad = unit("webchat@1", "gave up", "it ended 5 times")
    finding = judged_units({"units": [unit("postgres"), bad]})
    assert finding.state is State.FAILED
    assert "webchat@1 gave up (it ended 5 times)" in finding.sentence
    assert "cloister logs webchat@1" in finding.hint


def test_a_unit_that_an_operator_stopped_is_only_a_warning() -> None:
    finding = judged_units({"units": [unit("ollama", "stopped", "as the operator wishes")]})
    assert finding.state is State.WARNING
    assert "cloister start ollama" in finding.hint


def test_without_the_supervisor_systemd_tells_how_the_units_stand() -> None:
    listed = "cloister-postgres.service loaded active running Database\n"
    finding = judged_units_of_systemd(listed)
    assert finding.state is State.WARNING
    assert "cloister-postgres active" in finding.sentence


def test_a_firewall_that_stopped_nothing_is_well() -> None:
    listing = {"nftables": [rule(4, {"accept": None}, counter(99)), rule(5, counter(0), REJECT)]}
    finding = judged_table(listing)
    assert finding.state is State.OK


@pytest.mark.parametrize(
    "entries",
    [
        [rule(5, counter(3), REJECT, comment="reused")],
        [
            {"counter": {"name": "reused", "packets": 3, "bytes": 180}},
            rule(5, {"counter": "reused"}, REJECT),
            rule(6, {"counter": "reused"}, REJECT),
        ],
    ],
    ids=["counter in the rule", "counter of two rules"],
)
def test_a_packet_that_was_stopped_is_a_failure(entries: list[dict[str, Any]]) -> None:
    finding = judged_table({"nftables": entries})
    assert finding.state is State.FAILED
    assert "3 packets were stopped: 3 reused." in finding.sentence


def test_a_firewall_without_a_rule_that_stops_anything_is_a_failure() -> None:
    finding = judged_table({"nftables": [rule(4, {"accept": None})]})
    assert finding.state is State.FAILED


def test_settings_may_differ_from_the_package_but_programs_may_not() -> None:
    setting = "??5?????? c /etc/cloister/cloister.env\n"
    assert judged_package(setting).state is State.OK
    finding = judged_package(setting + "??5??????   /usr/bin/cloister\n")
    assert finding.state is State.FAILED
    assert "/usr/bin/cloister" in finding.sentence
    assert "cloister.env" not in finding.sentence
    missing = judged_package("missing     /usr/bin/cloister\n")
    assert "/usr/bin/cloister" in missing.sentence


def test_services_of_debian_that_run_are_named() -> None:
    listed = "nginx.service loaded active running A high performance web server\n"
    assert judged_services("").state is State.OK
    finding = judged_services(listed)
    assert finding.state is State.WARNING
    assert "systemctl disable --now nginx.service" in finding.hint


@pytest.mark.parametrize(
    ("days", "state"), [(-1, State.FAILED), (5, State.WARNING), (400, State.OK)]
)
def test_a_certificate_is_judged_by_how_long_it_lasts(days: int, state: State) -> None:
    assert judged_certificate("AB:CD", START + timedelta(days=days), START).state is state


def test_a_clock_before_the_program_was_written_is_wrong() -> None:
    assert plausible_time(START, START + timedelta(days=1)).state is State.FAILED
    assert plausible_time(START, START - timedelta(days=1)).state is State.OK


def test_lines_of_tmpfiles_are_read_with_their_defaults() -> None:
    text = (
        "# comment\n\nd /run/x 2750 cloister-chat cloister-sites -\nd /run/y\n"
        "L /run/z - - - - /etc\nd /run/%m 0755\n"
    )
    found = [(str(p.path), p.mode, p.user, p.group) for p in places(text)]
    assert found == [
        ("/run/x", 0o2750, "cloister-chat", "cloister-sites"),
        ("/run/y", 0o755, "root", "root"),
    ]


async def test_a_folder_with_another_mode_is_named(tmp_path: Path) -> None:
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for folder, mode in ((right, 0o2750), (wrong, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
    config = tmp_path / "cloister.conf"
    lines = (f"d {folder} 2750 {user} {group} -\n" for folder in (right, wrong))
    config.write_text("".join(lines))
    folders = next(check for check in installed_checks(config) if check.name == "folders")
    finding = await folders.ask()
    assert finding.state is State.FAILED
    assert f"{wrong} is 0755 {user}:{group} instead of 2750 {user}:{group}" in finding.sentence
    assert str(right) not in finding.sentence


def test_models_are_said_to_be_in_use_although_nobody_chose_them() -> None:
    finding = judged_models(Chosen(searching="bge"), [CHAT, EMBED])
    assert (finding.state, finding.sentence) == (State.OK, "qwen answers; bge searches.")
    finding = judged_models(Chosen(), [EMBED])
    assert finding.state is State.WARNING
    assert finding.sentence == (
        "No model answers, so passages are quoted; search goes by words alone."
    )


def test_a_chosen_model_that_is_gone_is_a_failure() -> None:
    finding = judged_models(Chosen(chat="llama"), [CHAT, EMBED])
    assert (finding.state, finding.sentence) == (
        State.FAILED,
        "Chosen, but not installed: llama.",
    )
