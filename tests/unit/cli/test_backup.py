"""Verbs that read what is known of backups: they need neither database nor supervisor."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.settings import Settings
from appliance.offsite.model import Protection, TargetState
from tests.builders.backup_facts import (
    catalog_of,
    keep_models,
    keep_target,
    publish,
    target,
    verified_set,
)
from tests.builders.cli import run_verb
from tests.fakes.clock import START, FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def context_of(settings: Settings, *, as_json: bool = False) -> Context:
    return Context(settings, FakeClock(), Output(as_json=as_json))


async def test_status_says_what_could_be_restored(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_verb(context_of(settings), "backup", "status") is ExitCode.FAILED
    assert "Nothing is backed up yet" in capsys.readouterr().out
    publish(settings, catalog_of(START, verified_set(START - HOUR)))
    assert await run_verb(context_of(settings), "backup", "status") is ExitCode.DONE
    assert "Restorable as of" in capsys.readouterr().out
    await run_verb(context_of(settings, as_json=True), "backup", "status")
    found = json.loads(capsys.readouterr().out)
    assert (found["standing"], found["sets"], found["key"]) == ("verified", 1, None)


async def test_status_says_which_models_were_saved(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(settings, catalog_of(START, verified_set(START - HOUR)))
    keep_models(settings, START - HOUR)
    assert await run_verb(context_of(settings), "backup", "status") is ExitCode.DONE
    printed = capsys.readouterr().out
    assert "1.9 GB: llama3.2:3b." in printed
    keep_models(settings, START - HOUR, damage="pack 0123")
    await run_verb(context_of(settings), "backup", "status")
    assert "pack 0123" in capsys.readouterr().out
    await run_verb(context_of(settings, as_json=True), "backup", "status")
    assert json.loads(capsys.readouterr().out)["models"]["names"] == ["llama3.2:3b"]


async def test_sets_are_listed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    publish(settings, catalog_of(START, verified_set(START - HOUR, number=7)))
    await run_verb(context_of(settings, as_json=True), "backup", "list")
    [row] = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["state"], row["documents"]) == ("set", "verified", 120)


async def test_targets_are_listed_without_their_secrets(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = target(secret="a sentence")
    keep_target(settings, kept, TargetState(complete_at=START, protection=Protection.NONE))
    await run_verb(context_of(settings), "backup", "targets", "list")
    printed = capsys.readouterr().out
    assert "disk in the safe" in printed
    assert "not protected against deletion" in printed
    assert "a sentence" not in printed
