"""The verbs of `cloister` and their options."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import pwd
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import NoReturn

from typing_extensions import override

from appliance.cli.context import Context
from appliance.cli.errors import NotRunningError
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.core.settings import PACKAGED_ACCOUNT, Settings
from appliance.core.start_settings import read_settings
from appliance.core.version import read_version

Verb = Callable[[Context, argparse.Namespace], Awaitable[ExitCode]]
# Which module has a verb. A module is loaded when its verb, or no verb, was asked for: `migrate`
# and `status` need not wait until everything for answering a question is loaded.
_MODULES = {
    "machine": ("run", "supervise", "launch", "migrate"),
    "operations": ("operation",),
    "restore": ("restore", "drill"),
    "units": ("status", "logs", "start", "stop", "restart"),
    "doctor": ("doctor",),
    "people": ("claim", "rescue", "user", "api-key"),
    "audit": ("audit",),
    "documents": ("ingest",),
    "questions": ("search", "ask"),
    "models": ("model", "fetch"),
    "jobs": ("job",),
    "backup": ("backup",),
    "settings": ("setting",),
    "setup": ("setup",),
    "tls": ("tls",),
}

# Errors that mean that the appliance, or its database, does not run. One that the appliance sent
# has its code and not its class.
_NOT_RUNNING = {NotRunningError.code, DatabaseUnavailableError.code}


def run(arguments: Sequence[str]) -> int:
    """Run one verb and return its exit code."""
    options = build(arguments[0] if arguments else None).parse_args(arguments)
    # A verb says once that the database is silent; its pool would print it at each attempt.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    output = Output(as_json=options.json)
    verb: Verb = options.verb
    try:
        settings = read_settings()
        context = Context(settings, SystemClock(), output)
        # What a verb needs of the caller's own rights, before root's are given up.
        options.prepare(options)
        if not options.as_root:
            _become_owner_of(settings)
        return asyncio.run(_finish(verb(context, options)))
    except ApplianceError as error:
        output.error(error)
        is_down = error.as_json()["code"] in _NOT_RUNNING
        return ExitCode.NOT_RUNNING if is_down else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.FAILED


async def _finish(work: Awaitable[ExitCode]) -> ExitCode:
    return await work


def _become_owner_of(settings: Settings) -> None:
    """Let root act as the account that runs the supervisor: PostgreSQL knows no other.

    A package made that account; in a clone it is the one that owns the home.
    """
    if os.geteuid() != 0 or not settings.home.exists():
        return
    if settings.packaged:
        account = pwd.getpwnam(PACKAGED_ACCOUNT)
        user, group = account.pw_uid, account.pw_gid
        os.initgroups(PACKAGED_ACCOUNT, group)
        # What it adds to the uploaded files must be writable for the group that shares them.
        os.umask(0o007)
    else:
        owner = settings.home.stat()
        user, group = owner.st_uid, owner.st_gid
        os.setgroups([])
    if user != 0:
        os.setgid(group)
        os.setuid(user)


class _ShowVersion(argparse.Action):
    """Prints the version and ends. In a clone this starts Git, so it happens only on request."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"cloister {asyncio.run(read_version())}")
        parser.exit()


def build(wanted: str | None = None) -> argparse.ArgumentParser:
    """Return the parser, with the verbs of the module that has `wanted`, or with all verbs."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser = argparse.ArgumentParser(
        prog="cloister",
        description="Run and use a private document-chat appliance.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not ready, 4 not running, "
        "5 the audit is not whole, 6 would change something.",
    )
    parser.add_argument("--version", action=_ShowVersion, help="show the version of Cloister")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    known = any(wanted in names for names in _MODULES.values())
    for module, names in _MODULES.items():
        if wanted in names or not known:
            import_module(f"appliance.cli.{module}").add_verbs(verbs, shared)
    return parser
