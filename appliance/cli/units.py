"""Verbs that show the services and control them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from urllib.parse import quote

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.health.seen import seen_by_socket

_WHICH = "a name that `cloister status` shows"


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add status, logs, start, stop and restart."""
    add_verb(verbs, shared, "status", status, "show every service, and whether all is well")
    logs_verb = add_verb(verbs, shared, "logs", logs, "print the last lines of a service")
    logs_verb.add_argument("unit", help=_WHICH)
    logs_verb.add_argument(
        "-n", "--lines", type=int, default=100, help="how many, 1000 at most (default: 100)"
    )
    logs_verb.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    for name in ("start", "stop", "restart"):
        verb = add_verb(verbs, shared, name, control_unit, f"{name} a service")
        verb.add_argument("unit", help=_WHICH)
        verb.set_defaults(action=name)


async def status(context: Context, _: argparse.Namespace) -> ExitCode:
    """Print a line a service, and what is wrong; exit with 3 unless all that was set up works."""
    answer = await context.control.ask("GET", "/units")
    health = await context.control.ask("GET", "/health")
    seen = seen_by_socket(answer)
    rows: list[dict[str, object]] = [
        {
            "unit": service.name,
            "state": seen.state_of(service),
            "since": service.since,
            "restarts": unit["restarts"],
            "reason": seen.reason_of(service),
        }
        for service, unit in zip(seen.services, answer["units"], strict=True)
    ]
    rows += [
        {
            "unit": unit["name"],
            "state": unit["state"],
            "since": None,
            "restarts": 0,
            "reason": unit["reason"],
        }
        for unit in answer["absent"]
    ]
    context.output.table(rows, "There are no services.", titles={"unit": "service"})
    for problem in health["problems"]:
        context.output.say(_problem(problem))
    return ExitCode.DONE if health["ready"] else ExitCode.NOT_READY


def _problem(problem: Mapping[str, str]) -> str:
    """Return what is wrong as people read it, with the command that may help."""
    command = f" `{problem['remedy']}`" if problem["remedy"] else ""
    return f"{problem['state']}: {problem['sentence']}{command}"


async def logs(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print the last lines of a service, and further ones if asked to."""
    path = f"/units/{quote(options.unit, safe='')}/logs"
    if options.follow:
        # The last lines come first in the same answer, so that none is lost or printed twice.
        async for line in context.control.lines("GET", f"{path}?follow=1&lines={options.lines}"):
            context.output.value(line, line)
        return ExitCode.DONE
    answer = await context.control.ask("GET", path, params={"lines": str(options.lines)})
    for line in answer["lines"]:
        context.output.value(line, line)
    return ExitCode.DONE


async def control_unit(context: Context, options: argparse.Namespace) -> ExitCode:
    """Start, stop or restart a service."""
    path = f"/units/{quote(options.unit, safe='')}/{options.action}"
    answer = await context.control.ask("POST", path)
    context.output.value(answer, f"{options.unit}: {options.action} requested")
    return ExitCode.DONE
