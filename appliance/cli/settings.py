"""Verbs for settings: those of operators, and the check of the file that is read at the start."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.core.environment_file import (
    EnvironmentFinding,
    Problem,
    environment_findings,
    judged_variables,
    keep_last_good,
)
from appliance.core.settings import ENVIRONMENT_FILE, LAST_GOOD_ENVIRONMENT
from appliance.settings.entry import Value
from appliance.settings.model import find_entry, shown
from appliance.settings.word_entry import AnyEntry
from appliance.settings.words import sentence_of

_WHICH = "its name, as the list shows it"


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add setting list, get, set, reset, confirm, undo and check."""
    group = add_group(verbs, "setting", "what an operator may set")
    add_verb(group, shared, "list", list_settings, "show every setting and its value")
    get = add_verb(group, shared, "get", get_setting, "print the value of one setting")
    get.add_argument("name", help=_WHICH)
    change = add_verb(group, shared, "set", set_setting, "change a setting")
    change.add_argument("name", help=_WHICH)
    change.add_argument(
        "value",
        help="a number, a size such as 100MB, a time such as 02:00, names with commas between, or "
        "a text",
    )
    reset = add_verb(group, shared, "reset", reset_setting, "go back to the default of a setting")
    reset.add_argument("name", help=_WHICH)
    add_verb(group, shared, "confirm", end_trial, "keep a change that is on trial").set_defaults(
        end="confirm"
    )
    add_verb(group, shared, "undo", end_trial, "undo a change that is on trial now").set_defaults(
        end="undo"
    )
    check = add_verb(
        group, shared, "check", check_file, "check cloister.env before anything is restarted"
    )
    check.add_argument("file", nargs="?", type=Path, help=f"default: {ENVIRONMENT_FILE}")
    check.add_argument(
        "--keep", action="store_true", help="remember a file without errors; systemd asks for it"
    )


async def list_settings(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show every setting, its value and where the value comes from."""
    settings = await context.control.ask("GET", "/settings")
    rows = settings if context.output.as_json else [_row(setting) for setting in settings]
    context.output.table(rows, "There are no settings.")
    return ExitCode.DONE


async def get_setting(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print one value."""
    entry = find_entry(options.name)
    settings = await context.control.ask("GET", "/settings")
    (setting,) = (setting for setting in settings if setting["name"] == entry.name)
    context.output.value(setting, _written(entry, setting["value"]))
    return ExitCode.DONE


async def set_setting(context: Context, options: argparse.Namespace) -> ExitCode:
    """Change one value."""
    entry = find_entry(options.name)
    return await _change(context, entry, entry.parse(options.value))


async def reset_setting(context: Context, options: argparse.Namespace) -> ExitCode:
    """Forget what an operator has set."""
    return await _change(context, find_entry(options.name), None)


async def check_file(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print everything that is wrong; exit with 1 if the file would not be applied.

    In a clone, which has no file, the variables of the caller are checked instead.
    """
    path = options.file or (ENVIRONMENT_FILE if context.settings.packaged else None)
    findings = judged_variables(os.environ) if path is None else environment_findings(path)
    errors = [finding for finding in findings if finding.problem.is_error]
    if options.keep and path is not None and not errors:
        _keep(context, path)
    subject = str(path or "The environment")
    lines = [f"{subject}: {sentence_of(finding)}" for finding in findings]
    verdict = _verdict(subject, errors, is_file=path is not None)
    values = [_finding_as_json(finding) for finding in findings]
    context.output.value({"ok": not errors, "findings": values}, "\n".join([*lines, verdict]))
    return ExitCode.FAILED if errors else ExitCode.DONE


def _verdict(subject: str, errors: Sequence[EnvironmentFinding], *, is_file: bool) -> str:
    if not errors:
        return f"{subject} has no errors."
    if is_file:
        return "The file is not applied; the last version without errors stays in use."
    if any(finding.problem is Problem.WRONG_VALUE for finding in errors):
        return "Cloister does not start with these values."
    return "Cloister starts, and ignores these variables."


def _keep(context: Context, path: Path) -> None:
    """Remember a file without errors; on a full disk the version before it stays remembered."""
    try:
        keep_last_good(path, LAST_GOOD_ENVIRONMENT)
    except OSError as error:
        context.output.say(f"{LAST_GOOD_ENVIRONMENT} cannot be written: {error.strerror}.")


async def _change(context: Context, entry: AnyEntry, value: Value | None) -> ExitCode:
    body = {"name": entry.name, "value": value}
    setting = await context.control.ask("POST", "/settings", body=body)
    if setting["trial"]:
        context.output.value(setting, _on_trial(entry, setting["trial"]))
        return ExitCode.DONE
    now = _shown(entry, setting["value"])
    restarts = entry.restarts if context.settings.packaged else ("services",)
    text = f"{entry.name} is now {now}. {effect_of(restarts if setting['restarting'] else ())}"
    context.output.value(setting, text)
    return ExitCode.DONE


async def end_trial(context: Context, options: argparse.Namespace) -> ExitCode:
    """Keep or undo the change on trial."""
    ended = await context.control.ask("POST", f"/trial/{options.end}")
    words = "The change is confirmed." if options.end == "confirm" else "The change is undone."
    context.output.value(ended, words)
    return ExitCode.DONE


def _on_trial(entry: AnyEntry, trial: dict[str, Any]) -> str:
    """Say how a change on trial is confirmed."""
    where = " or ".join(trial["addresses"])
    return (
        f"The new value of {entry.name} is on trial, and is undone in {trial['seconds_left']} "
        f"seconds. See that a browser reaches {where}, then run “cloister setting confirm”."
    )


def effect_of(restarts: Sequence[str]) -> str:
    """Say when a change takes effect."""
    if restarts:
        return f"The {', the '.join(restarts)} restart now."
    return "It takes effect at once; nothing is restarted."


def _written(entry: AnyEntry, value: Any) -> str:  # noqa: ANN401 - as JSON has it
    return entry.written(tuple(value) if isinstance(value, list) else value)


def _shown(entry: AnyEntry, value: Any) -> str:  # noqa: ANN401 - as JSON has it
    return shown(entry, tuple(value) if isinstance(value, list) else value)


def _changed(setting: dict[str, Any]) -> str:
    if setting["changed_at"] is None:
        return ""
    at = datetime.fromisoformat(setting["changed_at"]).astimezone()
    return f"{at:%Y-%m-%d %H:%M} by {setting['changed_by']}"


def _row(setting: dict[str, Any]) -> dict[str, object]:
    entry = find_entry(setting["name"])
    return {
        "name": entry.name,
        "value": _shown(entry, setting["value"]),
        "from": setting["source"],
        "changed": _changed(setting),
        "default": _shown(entry, setting["default"]),
        "possible": entry.bounds,
    }


def _finding_as_json(finding: EnvironmentFinding) -> dict[str, object]:
    return {
        "line": finding.line,
        "problem": finding.problem,
        "is_error": finding.problem.is_error,
        "name": finding.name,
        "nearest": finding.nearest,
        "sentence": sentence_of(finding),
    }
