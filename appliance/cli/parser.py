"""The verbs of `cloister` and their options."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

from appliance.cli import documents, machine, models, people, units
from appliance.cli.context import Context
from appliance.cli.errors import NotRunningError
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.core.settings import from_environment

Verb = Callable[[Context, argparse.Namespace], Awaitable[ExitCode]]


def run(arguments: Sequence[str]) -> int:
    """Run one verb and return its exit code."""
    options = build().parse_args(arguments)
    settings = from_environment()
    output = Output(as_json=options.json)
    _become_owner_of(settings.home)
    context = Context(settings, SystemClock(), output)
    verb: Verb = options.verb
    try:
        return asyncio.run(_finish(verb(context, options)))
    except (NotRunningError, DatabaseUnavailableError) as error:
        output.error(error)
        return ExitCode.NOT_RUNNING
    except ApplianceError as error:
        output.error(error)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.FAILED


async def _finish(work: Awaitable[ExitCode]) -> ExitCode:
    return await work


def _become_owner_of(home: os.PathLike[str]) -> None:
    """Let root act as the account that runs the appliance: PostgreSQL knows no other."""
    if os.geteuid() != 0 or not os.path.exists(home):  # noqa: PTH110
        return
    owner = os.stat(home)  # noqa: PTH116
    if owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def build() -> argparse.ArgumentParser:
    """Return the parser, with every verb of every module."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser = argparse.ArgumentParser(
        prog="cloister",
        description="Run and use a private document-chat appliance.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not ready, 4 not running.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (machine, units, people, documents, models):
        module.add_verbs(verbs, shared)
    return parser
