"""What programs print is evaluated without running them."""

from __future__ import annotations

import getpass
import grp
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.health.checks.clock import evaluate_time
from appliance.health.checks.disk_space import evaluate_disk
from appliance.health.checks.installed import evaluate_package, installed_checks, places
from appliance.health.checks.isolation import evaluate_table
from appliance.health.checks.memory import evaluate_memory
from appliance.health.checks.port_conflicts import evaluate_other_services
from appliance.health.model import CheckResult, CheckState
from appliance.health.remedies import FreeSpace, RunCommand
from appliance.probes.model import ProbeResult, ProbeState
from tests.builders.health import share_free
from tests.fakes.clock import START


def rule(handle: int, *parts: dict[str, Any], comment: str | None = None) -> dict[str, Any]:
    facts = {"handle": handle, "chain": "output", "expr": list(parts)}
    return {"rule": facts | ({"comment": comment} if comment else {})}


REJECT: dict[str, Any] = {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}


def counter(packets: int) -> dict[str, Any]:
    return {"counter": {"packets": packets, "bytes": packets * 60}}


def test_a_firewall_that_stopped_nothing_is_well() -> None:
    listing = {"nftables": [rule(4, {"accept": None}, counter(99)), rule(5, counter(0), REJECT)]}
    result = evaluate_table(listing)
    assert result.state is CheckState.OK


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
    result = evaluate_table({"nftables": entries})
    assert result.state is CheckState.FAILED
    assert "3 packets were stopped: 3 reused." in result.sentence


def test_a_firewall_without_a_rule_that_stops_anything_is_a_failure() -> None:
    result = evaluate_table({"nftables": [rule(4, {"accept": None})]})
    assert result.state is CheckState.FAILED


def test_settings_may_differ_from_the_package_but_programs_may_not() -> None:
    setting = "??5?????? c /etc/cloister/cloister.env\n"
    assert evaluate_package(setting).state is CheckState.OK
    result = evaluate_package(setting + "??5??????   /usr/bin/cloister\n")
    assert result.state is CheckState.FAILED
    assert "/usr/bin/cloister" in result.sentence
    assert "cloister.env" not in result.sentence
    missing = evaluate_package("missing     /usr/bin/cloister\n")
    assert "/usr/bin/cloister" in missing.sentence


def test_services_of_debian_that_run_are_named() -> None:
    listed = "nginx.service loaded active running A high performance web server\n"
    assert evaluate_other_services("").state is CheckState.OK
    result = evaluate_other_services(listed)
    assert result.state is CheckState.WARNING
    assert result.remedy == RunCommand("systemctl disable --now nginx.service")


def test_a_clock_before_the_program_was_written_is_wrong() -> None:
    assert evaluate_time(START, START + timedelta(days=1)).state is CheckState.FAILED
    assert evaluate_time(START, START - timedelta(days=1)).state is CheckState.OK


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
    folders = next(check for check in installed_checks(config) if check.id == "folders")
    result = await folders.ask()
    assert isinstance(result, CheckResult)
    assert result.state is CheckState.FAILED
    assert f"{wrong} is 0755 {user}:{group} instead of 2750 {user}:{group}" in result.sentence
    assert str(right) not in result.sentence


@pytest.mark.parametrize(
    ("free", "state"),
    [(0.5, CheckState.OK), (0.08, CheckState.WARNING), (0.02, CheckState.FAILED)],
)
def test_disk_and_memory_warn_before_they_are_used_up(free: float, state: CheckState) -> None:
    disk, memory = evaluate_disk(share_free(free), Path("/data")), evaluate_memory(share_free(free))
    assert (disk.state, memory.state) == (state, state)
    assert f"{free:.0%} left" in disk.sentence
    assert disk.remedy == (None if state is CheckState.OK else FreeSpace(Path("/data")))


def test_a_disk_that_cannot_be_asked_is_a_failure_and_memory_only_unknown() -> None:
    silent = ProbeResult(ProbeState.FAILED, "no answer within 3 s")
    assert evaluate_disk(silent, Path("/data")).state is CheckState.FAILED
    assert evaluate_memory(silent).state is CheckState.UNKNOWN
