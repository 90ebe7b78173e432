"""The verb for an unattended set-up: from a file, with a check before, and back into a file."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.cli.connection import PATIENT
from appliance.cli.context import Context
from appliance.cli.errors import SecretInFileError, SetupFileUnreadableError, TwoSecretsError
from appliance.cli.output import ExitCode
from appliance.cli.recovery_key import read_secret, read_text
from appliance.cli.verbs import Verbs, add_verb
from appliance.setup.file import SECRETS
from appliance.setup.toml import written

_LARGEST_FILE = 1024 * 1024
_STANDARD_INPUT = "-"

_TRIAL = (
    "Settings that can shut you out are on trial for a minute. See that a browser reaches the "
    "machine, then run “cloister setting confirm”; otherwise the values before them come back."
)

# What the control socket answers.
Answer = Mapping[str, Any]


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add setup."""
    setup = add_verb(verbs, shared, "setup", set_up, "set this machine up from a file")
    what = setup.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--from", dest="file", metavar="FILE", type=Path, help="the set-up file, in TOML"
    )
    what.add_argument(
        "--print",
        dest="prints",
        action="store_true",
        help="print the file that would recreate the settings of this machine",
    )
    setup.add_argument(
        "--check", action="store_true", help="only say what would change; exit code 6 if anything"
    )
    setup.set_defaults(prepare=_read_file)


def _read_file(options: argparse.Namespace) -> None:
    """Read the file, and the files with secrets that it names, with the caller's own rights.

    Raises NoSuchFileError, SetupFileUnreadableError, SecretInFileError and TwoSecretsError.
    """
    if options.file is None:
        return
    try:
        found = tomllib.loads(read_text(options.file, _LARGEST_FILE))
    except tomllib.TOMLDecodeError as error:
        raise SetupFileUnreadableError(path=options.file, reason=str(error)) from error
    # A time of TOML, which JSON has not, is a text like any other.
    options.values = json.loads(json.dumps(found, default=str))
    _resolve(options.values)


def _resolve(values: Mapping[str, Any]) -> None:
    """Replace the names of files with secrets by what is in them."""
    named = []
    for section, name in SECRETS.items():
        tables = values.get(section)
        for table in tables if isinstance(tables, list) else ():
            if isinstance(table, dict) and name in table:
                raise SecretInFileError(section=section, name=name)
            if isinstance(table, dict) and f"{name}_file" in table:
                named.append((table, name, str(table.pop(f"{name}_file"))))
    if [path for _, _, path in named].count(_STANDARD_INPUT) > 1:
        raise TwoSecretsError
    for table, name, path in named:
        table[name] = read_secret(path)


async def set_up(context: Context, options: argparse.Namespace) -> ExitCode:
    """Do what the file says, unless anything in it is wrong; or print a file."""
    if options.prints:
        found = await context.control.ask("GET", "/setup", timeout=PATIENT)
        context.output.value(found, written(found).rstrip())
        return ExitCode.DONE
    path = "/setup/check" if options.check else "/setup"
    answer = await context.control.ask("POST", path, body=options.values, timeout=PATIENT)
    addresses = await context.control.ask("GET", "/addresses")
    links = {name: f"{addresses['chat']}/password#{code}" for name, code in answer["links"].items()}
    lines = _lines(answer, links, is_check=options.check)
    context.output.value({**answer, "links": links}, "\n".join(lines))
    return _code(answer, is_check=options.check)


def _lines(answer: Answer, links: Mapping[str, str], *, is_check: bool) -> list[str]:
    if answer["problems"]:
        return [*(each["sentence"] for each in answer["problems"]), "Nothing was changed."]
    if not answer["changes"]:
        return ["Everything is as the file says. Nothing was changed."]
    mark = {True: "done:", False: "to do:"}
    lines = [f"{mark[each['made']]} {each['words']}" for each in answer["changes"]]
    if failure := answer["failure"]:
        lines += [f"{failure['message']} {failure['hint']}", "Correct it, and run this again."]
    elif is_check:
        lines.append("Nothing was changed.")
    if answer["trial"]:
        lines.append(_TRIAL)
    for name, link in links.items():
        lines += [f"Give this link to {name}; it works once, within seven days:", link]
    return lines


def _code(answer: Answer, *, is_check: bool) -> ExitCode:
    if answer["problems"] or answer["failure"]:
        return ExitCode.FAILED
    return ExitCode.WOULD_CHANGE if is_check and answer["changes"] else ExitCode.DONE
