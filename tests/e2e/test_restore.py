"""An empty machine with a copy of the repository and the printed key answers as the first one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from appliance.backup_plan.records import read_plan
from appliance.repository.recovery_key import RecoveryKey
from tests.appliance import ROOT, Appliance, fake_ollama, home_folder, running_appliance, wait_until
from tests.e2e.operations import add_recovery_key, ask, holding
from tests.e2e.visitor import PASSWORD, Visitor

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def runner() -> Iterator[str]:
    """The address of the fake model runner."""
    with fake_ollama() as address:
        yield address


@pytest.fixture
def empty() -> Iterator[Path]:
    """The folder of a machine that has nothing yet."""
    with home_folder() as folder:
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "cloister", "cloister")
        yield folder


def cli(environment: Mapping[str, str], *arguments: str) -> str:
    """Run `cloister …` to its end, which may take its time, and return what it printed."""
    finished = subprocess.run(
        [sys.executable, "-m", "appliance", *arguments],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr + finished.stdout
    return finished.stdout


def test_an_empty_machine_answers_as_the_first_one(runner: str, empty: Path) -> None:
    key = RecoveryKey.new()
    copy, key_file = empty.parent / "copy", empty.parent / "key"
    key_file.write_text(f"\n  {key.text.lower()}  \n\n")
    with home_folder() as home, holding(home, runner, BELL) as first:
        assert first.cli("ask", QUESTION)["citations"][0]["file"] == "towers.pdf"
        add_recovery_key(first, key)
        ask(first, "set")
        drilled = json.loads(cli(first.environment, "drill", "--json"))
        assert (drilled["verdict"], drilled["documents"]) == ("verified", 1)
        shutil.copytree(home / "repository", copy)
    if os.geteuid() == 0:
        for path in (copy, *copy.rglob("*")):
            shutil.chown(path, "cloister", "cloister")
    environment = {**first.environment, "CLOISTER_HOME": str(empty)}
    place = ("--from", str(copy), "--key-file", str(key_file), "--json")

    listed = json.loads(cli(environment, "restore", *place, "--list"))
    assert [one["kind"] for one in listed["snapshots"]] == ["set"]
    previewed = json.loads(cli(environment, "restore", *place, "--preview"))
    assert previewed["then"]["documents"] == 1
    assert previewed["now"] is None
    assert not (empty / "postgres").exists()
    restored = json.loads(cli(environment, "restore", *place, "--yes"))
    assert restored["documents_added"] == 1
    assert not restored["restarted"]

    with running_appliance(empty, ollama=runner) as second:
        assert "/admin/claim" not in second.output
        answer = second.cli("ask", QUESTION)
        assert answer["citations"][0]["file"] == "towers.pdf"
        assert answer["citations"][0]["page"] == 2
        with Visitor(second.address) as visitor:
            assert visitor.sign_in("ada", PASSWORD).status_code < 400
        # Nothing was there before, so that nothing waits for a confirmation.
        assert state(environment) == "none"

        # The same while the machine works: what was done since is gone, until that is undone.
        second.cli("user", "add", "bea")
        restored = json.loads(cli(environment, "restore", *place, "--yes"))
        assert restored["restarted"]
        wait_until(lambda: state(environment) == "unconfirmed", "the exchange", 60)
        wait_until(lambda: second.status()["postgres"] == "ready", "the database", 60)
        # The console asks for the decision, too.
        assert read_plan(empty / "state").restored_at is not None
        assert people(second) == {"ada"}
        assert second.cli("ask", QUESTION)["citations"][0]["file"] == "towers.pdf"
        cli(environment, "restore", "undo", "--json")
        wait_until(lambda: people(second) == {"ada", "bea"}, "the former state", 60)
        wait_until(lambda: state(environment) == "none", "the restored state to be gone", 60)
        assert read_plan(empty / "state").restored_at is None


def state(environment: Mapping[str, str]) -> str:
    """Return how far the latest restore is."""
    return str(json.loads(cli(environment, "restore", "status", "--json"))["state"])


def people(appliance: Appliance) -> set[str]:
    """Return the names of the people, none while the database is away."""
    listed = appliance.run_cli("user", "list", "--json")
    found = json.loads(listed.stdout) if listed.returncode == 0 else []
    return {person["name"] for person in found}
