"""`cloister doctor` tells what it can, at the worst, and keeps to its exit codes."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli.context import Context
from appliance.cli.doctor import doctor
from appliance.cli.output import ExitCode, Output
from appliance.cli.parser import build
from appliance.core.settings import Settings
from appliance.health.model import CheckId, CheckResult, CheckState, failed, ok
from tests.fakes.clock import FakeClock

# Nobody listens on port 1.
NOBODY = "http://127.0.0.1:1"


def context(home: Path, *, packaged: bool = False, as_json: bool = False) -> Context:
    settings = Settings(
        home=home, packaged=packaged, runtime=home / "run", port=1, ollama_url=NOBODY
    )
    return Context(settings, FakeClock(), Output(as_json=as_json))


def options(*seen: CheckResult) -> argparse.Namespace:
    return argparse.Namespace(seen_by_root=list(seen))


async def test_with_nothing_there_every_check_is_still_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await doctor(context(tmp_path / "none", as_json=True), options())
    said = json.loads(capsys.readouterr().out)
    states = {found["check"]: found["state"] for found in said["checks"]}
    assert code == ExitCode.FAILED
    assert said["healthy"] is False
    assert states["supervisor"] == states["database"] == states["web server"] == CheckState.FAILED
    assert states["schema"] == states["models"] == states["services"] == CheckState.UNKNOWN
    assert states["model runner"] == CheckState.WARNING
    assert all(found["hint"] for found in said["checks"] if found["state"] == CheckState.FAILED)


@pytest.mark.parametrize(("verb", "lines"), [("doctor", 0), ("claim", 2)])
def test_the_silent_database_is_named_in_the_words_of_the_verb_alone(
    tmp_path: Path, verb: str, lines: int
) -> None:
    home = tmp_path / "none"
    home.mkdir()
    finished = subprocess.run(
        [sys.executable, "-m", "appliance", verb],
        env={"PATH": os.environ["PATH"], "CLOISTER_HOME": str(home), "OLLAMA_HOST": NOBODY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "database" in finished.stdout + finished.stderr
    assert len(finished.stderr.splitlines()) == lines, finished.stderr


async def test_a_clone_shows_no_check_of_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await doctor(context(tmp_path, as_json=True), options())
    checks = {found["check"] for found in json.loads(capsys.readouterr().out)["checks"]}
    assert not checks & {"firewall", "networks", "package", "folders", "certificate", "ports"}


async def test_packaged_what_root_saw_is_told_and_the_rest_is_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = (
        ok(CheckId.NETWORKS, "All are sealed."),
        failed(CheckId.PORTS, "No.", "Do."),
    )
    await doctor(context(tmp_path, packaged=True, as_json=True), options(*seen))
    checks = json.loads(capsys.readouterr().out)["checks"]
    found = {check["check"]: check for check in checks}
    assert found["networks"]["sentence"] == "All are sealed."
    assert found["ports"]["state"] == CheckState.FAILED
    assert found["firewall"]["state"] == CheckState.UNKNOWN
    assert "sudo" in found["firewall"]["hint"]


async def test_people_read_a_line_a_check_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await doctor(context(tmp_path), options())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("failed       supervisor    Cloister is not running")
    hint = next(line for line in lines if "→" in line)
    assert hint.strip().startswith("→ Start it")
    assert "failed" in lines[-1]
    assert "not checked" in lines[-1]


def test_it_is_a_verb_that_gives_up_roots_rights_like_the_others() -> None:
    parsed = build("doctor").parse_args(["doctor"])
    assert parsed.verb is doctor
    assert parsed.as_root is False
